"""BERT and RoBERTa: encoders with learned positions and segments, norms after each block, a pooler or a masked head."""

from .family import Family

BERT = Family(
    model_type="bert",
    prefix="bert",
    heads={"ForMaskedLM": "masked", "Model": "none"},
    own={
        "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2, "tie_word_embeddings": True,
        "positions": "learned", "attention_bias": True, "mlp_bias": True, "norm_bias": True, "mlp_gated": False,
        "final_norm": False, "norms_the_sum": True, "head": "none",
    },
    names={
        "embedding": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
        "segments": "embeddings.token_type_embeddings", "embedding_norm": "embeddings.LayerNorm",
        "q": "encoder.layer.{}.attention.self.query", "k": "encoder.layer.{}.attention.self.key",
        "v": "encoder.layer.{}.attention.self.value", "o": "encoder.layer.{}.attention.output.dense",
        "attention_post_norm": "encoder.layer.{}.attention.output.LayerNorm",
        "up": "encoder.layer.{}.intermediate.dense", "down": "encoder.layer.{}.output.dense",
        "mlp_post_norm": "encoder.layer.{}.output.LayerNorm", "pooler": "pooler.dense",
        "head_dense": "cls.predictions.transform.dense", "head_norm": "cls.predictions.transform.LayerNorm",
        "head_bias": "cls.predictions.bias", "lm_head": "cls.predictions.decoder",
    },
    ignores=frozenset({"attention_bias", "mlp_bias"}),
    refuses={"add_cross_attention": (False, "cross-attention would have to be described")},
)  # fmt: skip

ROBERTA = BERT.derive(
    "roberta",
    prefix="roberta",
    names={
        "head_dense": "lm_head.dense", "head_norm": "lm_head.layer_norm", "head_bias": "lm_head.bias",
        "lm_head": "lm_head.decoder",
    },
    vocab_size=50265,
)  # fmt: skip
XLM_ROBERTA = ROBERTA.derive("xlm-roberta", vocab_size=30522)

#: DistilBERT: BERT with half the layers, without segments and pooler.
DISTILBERT = BERT.derive(
    "distilbert",
    prefix="distilbert",
    keys={
        "dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads",
        "hidden_dim": "intermediate_size",
    },
    names={
        "segments": None, "pooler": None,
        "q": "transformer.layer.{}.attention.q_lin", "k": "transformer.layer.{}.attention.k_lin",
        "v": "transformer.layer.{}.attention.v_lin", "o": "transformer.layer.{}.attention.out_lin",
        "attention_post_norm": "transformer.layer.{}.sa_layer_norm",
        "up": "transformer.layer.{}.ffn.lin1", "down": "transformer.layer.{}.ffn.lin2",
        "mlp_post_norm": "transformer.layer.{}.output_layer_norm",
        "head_dense": "vocab_transform", "head_norm": "vocab_layer_norm", "head_bias": "vocab_projector.bias",
        "lm_head": "vocab_projector",
    },
    ignores=BERT.ignores | {"intermediate_size"},
    num_hidden_layers=6,
)  # fmt: skip

FAMILIES = (BERT, ROBERTA, XLM_ROBERTA, DISTILBERT)
