"""Lets OpenAI evals (PyPI: evals) read what `touchstone bundle export --as evals` wrote, and score
planted answers with the class that the registry names: all right, then all wrong.

Usage: exports_check_evals.py FOLDER NAME, as in `FOLDER/registry/evals/NAME.yaml`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENAI_API_KEY", "none is needed")

from evals.base import RunSpec  # noqa: E402
from evals.record import LocalRecorder  # noqa: E402
from evals.registry import Registry  # noqa: E402


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    spec = Registry([folder / "registry"]).get_eval(name)
    data = folder / "registry/data" / name / "samples.jsonl"
    samples = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    ideal = {sample["input"][-1]["content"]: sample["ideal"][0] for sample in samples}
    for before, expected in [("", 1.0), ("no ", 0.0)]:

        class Planted:
            def __call__(self, prompt, **_):
                answer = before + ideal[prompt[-1]["content"]]
                return type("Result", (), {"get_completions": lambda _: [answer]})()

        run = RunSpec(
            completion_fns=["planted"], eval_name=spec.key, base_eval=name, split="release",
            run_config={}, created_by="", run_id="planted", created_at="",
        )
        task = Registry([folder / "registry"]).get_class(spec)(
            completion_fns=[Planted()], samples_jsonl=spec.args["samples_jsonl"],
            eval_registry_path=spec.registry_path, name=spec.key, seed=1,
        )
        assert len(task.get_samples()) == len(samples)
        # The recorder writes once more when the program ends: the folder stays until then.
        found = task.run(LocalRecorder(f"{tempfile.mkdtemp()}/log", run))
        assert found["accuracy"] == expected, found
    print(f"{name}: {len(samples)} samples read and scored by {spec.cls}")


if __name__ == "__main__":
    main()
