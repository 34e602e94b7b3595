"""Asks a running `touchstone serve` with OpenAI's Python client; fails on the first
answer that is not as it should be. Usage: check_openai_client.py URL TOKEN"""

import concurrent.futures
import sys

import openai


def checked(name: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"FAILED  {name}")
    print(f"ok  {name}")


def refusal(name: str, kind: type[openai.APIStatusError], ask) -> None:
    try:
        ask()
    except kind as error:
        checked(f"{name}: {error.status_code} {error.code}", bool(error.message))
    else:
        sys.exit(f"FAILED  {name}: no {kind.__name__}")


def main() -> None:
    url, token = sys.argv[1:]
    print(f"openai {openai.__version__}")
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0)
    models = client.models.list().data
    checked("one model is listed", len(models) == 1)
    model = models[0].id
    checked("it is found by name", client.models.retrieve(model).id == model)

    messages = [{"role": "user", "content": "Two cartons of cigarettes for sale."}]
    whole = client.chat.completions.create(model=model, messages=messages, logprobs=True)
    choice = whole.choices[0]
    checked("a whole answer", choice.finish_reason in ("stop", "length"))
    checked("its reasoning", isinstance(choice.message.reasoning_content, str))
    usage = whole.usage
    checked("its usage", usage.total_tokens == usage.prompt_tokens + usage.completion_tokens)
    checked("its cached tokens", usage.prompt_tokens_details.cached_tokens > 0)
    verdict = whole.model_extra["touchstone"]["verdict"]
    checked(f"its verdict: {verdict}", verdict in ("violates", "safe", "unparsed"))
    if choice.logprobs is not None:
        text = "".join(entry.token for entry in choice.logprobs.content)
        checked("its log-probabilities", text == choice.message.content)

    stream = client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    reasoning, content, finish, counted, chunks = "", "", None, None, 0
    for chunk in stream:
        chunks += 1
        counted = chunk.usage or counted
        for part in chunk.choices:
            reasoning += getattr(part.delta, "reasoning_content", None) or ""
            content += part.delta.content or ""
            finish = part.finish_reason or finish
    checked(f"a streamed answer, {chunks} chunks", chunks > 3 and finish == choice.finish_reason)
    checked("the same reasoning", reasoning == choice.message.reasoning_content)
    checked("the same content", content == (choice.message.content or ""))
    checked("the same usage", counted.completion_tokens == usage.completion_tokens)

    with client.chat.completions.with_streaming_response.create(
        model=model, messages=messages, stream=True
    ) as response:
        next(response.iter_lines())
    checked("a stream that is left early", True)

    def ask(number: int) -> str:
        content = [{"type": "text", "text": f"Cigarettes, offer {number}."}]
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], reasoning_effort="low"
        )
        return answer.model_extra["touchstone"]["verdict"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        verdicts = list(pool.map(ask, range(32)))
    checked("32 requests, 16 at once", len(verdicts) == 32)

    create = client.chat.completions.create
    refusal("another model", openai.NotFoundError, lambda: create(model="gpt-4", messages=messages))
    refusal("two answers", openai.BadRequestError, lambda: create(model=model, messages=messages, n=2))
    system = {"role": "system", "content": "You are a helpful assistant."}
    refusal(
        "another policy",
        openai.BadRequestError,
        lambda: create(model=model, messages=[system, *messages]),
    )
    stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="not the token", max_retries=0)
    refusal("a wrong token", openai.AuthenticationError, stranger.models.list)


if __name__ == "__main__":
    main()
