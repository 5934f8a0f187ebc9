"""Numbers in the sentences of lessons and decks: each is shown by a cell of its notebook, or computed here.

A number is a token with a decimal point, four or more digits, or a unit. Numbers written as words, and everything
that no cell shows, stand in CLAIMS with the library's way to the same words.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import nbformat
import pytest

import vram
from vram.teach.authoring.files import course_notebooks

COURSE = Path(__file__).parent.parent
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?:[ \u00a0]?(?:%|GiB|GB|MiB|MB|KiB|KB|TB|bits?|bytes?)(?!\w))?")
YEAR = re.compile(r"(19|20)\d\d")


def layer(h: int) -> int:
    return vram.weights(vram.Architecture("gpt2", hidden_size=h, num_attention_heads=1)).layer(0).numel


def linear_share(name: str) -> Fraction:
    rows = vram.weights(vram.models[name]).layer(0)
    return Fraction(rows.select(lambda t: len(t.shape) == 1).numel, rows.numel)


def head(name: str) -> int:
    arch = vram.models[name]
    return vram.weights(arch.replace(tie_word_embeddings=False)).numel - vram.weights(arch).numel


def part(name: str, numel: int, digits: int) -> str:
    return vram.percent(numel, vram.weights(vram.models[name]).numel, digits)


def unnamed(name: str) -> int:
    """What l(12h² + 13h) + Vh leaves out of a model of GPT-2's shape."""
    rows = vram.weights(vram.models[name])
    return rows.select(lambda t: not t.axes and t.kind != "embedding").numel


def rule_error(name: str) -> str:
    arch = vram.models[name]
    return vram.percent(Fraction(12 * arch.num_hidden_layers * arch.hidden_size**2, vram.weights(arch).numel) - 1)


def states(*kinds: str, **how: object) -> int:
    parts = vram.model_states(vram.models["llama-3-8b"], **how).phases["optimizer step"].by("kind")
    return sum(parts[kind].nbytes for kind in kinds)


def packed(*kinds: str) -> int:
    parts = vram.quantize(vram.weights(vram.models["llama-3-8b"]), "nf4").by("kind")
    return sum(parts[kind].nbytes for kind in kinds)


def nf4_over_half_a_byte() -> Fraction:
    ledger = vram.weights(vram.models["llama-3-8b"])
    return vram.quantize(ledger, "nf4").nbytes / Fraction(ledger.numel, 2) - 1


def grouped_saving() -> int:
    arch = vram.models["llama-3-8b"]
    return vram.weights(arch.replace(num_key_value_heads=arch.num_attention_heads)).numel - vram.weights(arch).numel


def adapters_in_gpt2_mediums() -> float:
    adapters = vram.lora(vram.models["llama-3-8b"], rank=256)
    return round(adapters.numel / vram.weights(vram.models["gpt2-medium"]).numel, 1)


def growth(**how: object) -> int:
    """GiB that the peak gains from 512 to 8,192 tokens."""
    short, long = (vram.training(vram.models["llama-3-8b"], seq_len=n, **how).peak for n in (512, 8192))
    return round((long - short) / 2**30)


def long_activations() -> int:
    step = vram.training(vram.models["llama-3-8b"], seq_len=8192, lora=16)
    return step.at_peak().by("kind")["activations"].nbytes


# (notebook, words in its prose, the same words from the library)
CLAIMS: list[tuple[str, str, Callable[[], str]]] = [
    ("02", "a seven-hundredth", lambda: {700: "a seven-hundredth"}[round(1 / linear_share("gpt2"), -2)]),
    ("02", "a ten-thousandth", lambda: {10_000: "a ten-thousandth"}[round(1 / linear_share("gpt3-175b"), -4)]),
    ("02", "more than five layers", lambda: {5: "more than five layers"}[head("gpt2") // layer(768)]),
    ("02", "a third of one layer", lambda: {3: "a third of one layer"}[round(layer(12288) / head("gpt3-175b"))]),
    ("02", "12,288", lambda: f"{vram.models['gpt3-175b'].hidden_size:,}"),
    ("02", "0.6 %", lambda: part("gpt2", unnamed("gpt2"), 1)),
    ("02", "0.01 %", lambda: part("gpt3-175b", unnamed("gpt3-175b"), 2)),
    ("02", "0.02 %", lambda: vram.percent(Fraction(10 * 4096, layer(4096)), digits=2)),
    ("03", "1.3 to 4.4 %", lambda: f"{rule_error('llama-65b')[1:4]} to {rule_error('llama-7b')[1:]}"),
    ("03", "11,008", lambda: f"{vram.models['llama-7b'].intermediate_size:,}"),
    ("03", "3.5h", lambda: f"{vram.models['llama-3-8b'].intermediate_size / 4096}h"),
    ("03", "65.3", lambda: vram.billions(vram.weights(vram.models["llama-65b"]).numel)[:-1]),
    ("03", "four fifths of a billion", lambda: {8: "four fifths of a billion"}[round(grouped_saving() / 10**8)]),
    ("06", "1/128", lambda: f"1/{2 ** vram.dtypes['bf16'].mantissa}"),
    ("08", "about 105 GiB", lambda: f"about {vram.gib(states('gradients', 'optimizer states'), 0)}"),
    ("08", "half a GiB", lambda: {5: "half a GiB"}[states("gradients", "optimizer states", lora=16) * 10 // 2**30]),
    ("08", "4.127 bits", lambda: f"{4 + 8 / 64 + 32 / (64 * 256):.3f} bits"),
    ("08", "3.35 GiB", lambda: vram.gib(packed("attention", "mlp"))),
    ("08", "1.96 GiB", lambda: vram.gib(packed("embedding", "lm_head"))),
    ("08", "LoRA and QLoRA have grown by 53 GiB each", lambda: {
        (53, 53): "LoRA and QLoRA have grown by 53 GiB each"}[growth(lora=16), growth(lora=16, base="nf4")]),
    ("08", "the full fine-tune by 46", lambda: f"the full fine-tune by {growth()}"),
    ("08", "activations, 45 GiB", lambda: f"activations, {vram.gib(long_activations(), 0)}"),
    ("08", "128,256", lambda: f"{vram.models['llama-3-8b'].vocab_size:,}"),
    ("08", "42 %", lambda: vram.percent(nf4_over_half_a_byte(), digits=0)),
    ("08", "671 million", lambda: f"{vram.lora(vram.models['llama-3-8b'], rank=256).numel / 10**6:.0f} million"),
    ("08", "nearly twice GPT-2 Medium", lambda: {1.9: "nearly twice GPT-2 Medium"}[adapters_in_gpt2_mediums()]),
]  # fmt: skip

# What is said of the world and not computed here: figures of a source, which a cell of the lesson then checks.
QUOTED = {"06": {"1.5"}}

NOTEBOOKS = [path for path in course_notebooks(COURSE) if "solutions" not in path.parts]


def plain(text: str) -> str:
    """The visible words: no link targets, no LaTeX separators, no code spans."""
    text = re.sub(r"\]\([^)]*\)", "]", text).replace("{,}", ",").replace(r"\,", " ").replace("\\%", "%")
    return re.sub(r"`[^`]*`|[Ss]ection [\d.]+\d", "", text)


def shown(nb: nbformat.NotebookNode) -> str:
    """Everything that the code cells say: their source, and what they print."""
    parts = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            parts.append(re.sub(r"(?<=\d)_(?=\d)", ",", cell.source))
            for output in cell.outputs:
                parts += [output.get("text", ""), *map(str, output.get("data", {}).values())]
    return "\n".join(parts)


def prose(nb: nbformat.NotebookNode) -> str:
    """The sentences of the author; questions come from the catalogue and are tested with their answers."""
    generated = re.compile(r"(ex-|exit-|mistake-question|predict$|exercises$|sources$|navigation$|binder$)")
    return "\n".join(plain(c.source) for c in nb.cells if c.cell_type == "markdown" and not generated.match(c.id))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_number_is_shown_or_computed(path):
    nb = nbformat.read(path, as_version=4)
    number = path.name[:2]
    said = " ".join(words for lesson, words, _ in CLAIMS if lesson == number) + " " + " ".join(QUOTED.get(number, ()))
    evidence = shown(nb).replace("\u00a0", " ") + "\n" + said
    known = {found.replace(",", "").rstrip(".") for found in re.findall(r"\d[\d,]*(?:\.\d+)?", evidence)}
    unproved = []
    for match in NUMBER.finditer(prose(nb).replace("\u00a0", " ")):
        token = match.group().rstrip(",")
        bare = token.split(" ")[0].rstrip("%")
        significant = "." in bare or len(bare.replace(",", "")) >= 4 or token != bare
        if not significant or (YEAR.fullmatch(bare) and token == bare):
            continue
        if bare.replace(",", "") not in known:
            unproved.append(token)
    assert unproved == []


@pytest.mark.parametrize(("lesson", "words", "computed"), CLAIMS, ids=[f"{c[0]}-{c[1]}" for c in CLAIMS])
def test_claim(lesson, words, computed):
    """The claim stands in a notebook of its lesson, and the library says the same."""
    texts = [prose(nbformat.read(path, as_version=4)) for path in NOTEBOOKS if path.name.startswith(lesson)]
    assert any(words in text.replace("$", "") for text in texts), "no notebook says this any more"
    assert computed() == words
