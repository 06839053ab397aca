"""Exact steering of many doses on many prompts, each beside random features, against one hooked pass a dose.

    python -m tests.bench.bench_steering [--doses N] [--prompts N] [--controls N]

The hooked passes are of the feature alone, without its random features; the ratio is per pushed row.
"""

import argparse
import time

import torch

from ingest.attribution.prompts import Prompt, prompt_of_text
from ingest.circuits.effects.steering import Steering
from ingest.circuits.effects.steering_study import Question, steer_prompt
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization
from ingest.models.hooked_model import hooked_model
from ingest.models.matching import load_together
from ingest.rows.sae_keys import Keys
from ingest.sources import Document, read_documents

FEATURE = 7


def load_tracer() -> Tracer:
    """The embedded model with its default SAE."""
    model, saes = load_together(["pocket"])
    tokenization = Tokenization(model.tokenizer, saes[0].context_size, saes[0].prepend_bos)
    return Tracer(model, saes, hooked_model(model), tokenization, [Keys(0, 0, 0, "")])


def bundled_prompts(tracer: Tracer, wanted: int) -> list[Prompt]:
    """The first bundled sentences on medicine."""
    texts = [found.text for found in read_documents("bundled:medical") if isinstance(found, Document)]
    return [prompt_of_text(text, tracer.tokenization) for text in texts[:wanted]]


@torch.no_grad()
def hooked_passes(tracer: Tracer, question: Question, prompts: list[Prompt]) -> int:
    """The obvious way: a pass of TransformerLens' hooked model for each dose; how many."""
    passes = 0
    for prompt in prompts:
        tokens = tracer.tokens(prompt)[None]
        for dose in question.doses:
            pushed = dose * question.unit * tracer.sae.W_dec[FEATURE]
            hook = (tracer.sae.hook_name, lambda x, hook, pushed=pushed: x + pushed)
            tracer.model.bridge.run_with_hooks(tokens, prepend_bos=False, fwd_hooks=[hook])
            passes += 1
    return passes


def main() -> None:
    """Print how long both take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--doses", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--controls", type=int, default=20)
    asked = parser.parse_args()
    tracer = load_tracer()
    prompts = bundled_prompts(tracer, asked.prompts)
    doses = tuple(0.25 * number for number in range(asked.doses))
    controls = tuple(range(FEATURE + 1, FEATURE + 1 + asked.controls))
    question = Question(Steering(tracer.sae, FEATURE, "add"), 20.0, doses, controls, (5, 6, 7))
    began, busy = time.perf_counter(), time.process_time()
    effects = sum(len(steer_prompt(tracer, question, prompt).effects) for prompt in prompts)
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    began = time.perf_counter()
    passes = hooked_passes(tracer, question, prompts)
    hooked = time.perf_counter() - began
    print(f"{asked.doses} doses x {len(prompts)} prompts beside {asked.controls} random features: {effects:,} effects")
    print(f"  in {seconds:.1f} s ({busy:.1f} s of CPU); bound: 20 s")
    print(f"  hooked passes, one a dose, no random features: {passes:,} in {hooked:.1f} s")
    print(f"  a row costs {(hooked / passes) / (seconds / effects):.1f} times as much that way")


if __name__ == "__main__":
    main()
