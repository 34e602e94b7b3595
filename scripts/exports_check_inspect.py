"""Loads our Inspect datasets with Inspect's own json_dataset, evaluates them with its mock
model, and compares every sample with the suite. Called by exports-check.sh."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

work, policies = Path(sys.argv[1]), sys.argv[2:]
os.environ["INSPECT_LOG_DIR"] = str(work / "inspect-logs")
os.chdir(work)

from inspect_ai import eval as evaluate  # noqa: E402
from inspect_ai.dataset import json_dataset  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402

VERSION = importlib.metadata.version("inspect-ai")


def user_text(content):
    if isinstance(content, str):
        return content
    names = {"user": "User", "assistant": "Assistant"}
    return "\n\n".join(f"{names[turn['role']]}: {turn['text']}" for turn in content)


for policy in policies:
    folder = work / f"{policy}-inspect"
    dataset = json_dataset(str(folder / "dataset.jsonl"))
    lines = (work / "workspace" / "fixtures" / f"{policy}.jsonl").read_text("utf-8").split("\n")
    suite = [json.loads(line) for line in lines if line.strip()]
    suite = [case for case in suite if case.get("expected")]
    assert len(dataset) == len(suite), (policy, len(dataset), len(suite))
    pack = work / f"{policy}-roost" / "example_policies" / policy / "policy.md"
    body = pack.read_text("utf-8").removesuffix("\n")
    for sample, case in zip(dataset, suite):
        assert str(sample.id) == str(case["id"])
        system, user = sample.input
        assert (system.role, user.role) == ("system", "user")
        assert system.text == body, policy
        assert user.text == user_text(case["content"]), case["id"]
        assert sample.metadata["expected"] == case["expected"]

    answers = [f"{sample.target[0]} T1" for sample in dataset]
    answers[0] = "I cannot say."
    outputs = [ModelOutput.from_content("mockllm/model", answer) for answer in answers]
    for output in outputs:
        # Stated, so that no vocabulary is fetched to count it.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    model = get_model("mockllm/model", custom_outputs=outputs)
    [log] = evaluate(f"{policy}-inspect/task.py", model=model, display="none", max_samples=1)
    assert log.status == "success", log.error and log.error.message
    right = sum(
        score.value == "C" for sample in log.samples for score in sample.scores.values()
    )
    assert right == len(suite) - 1, (policy, right, len(suite))
    print(f"inspect-ai {VERSION}: {policy}: {len(dataset)} samples, {right} of them scored right as planted")
