// Runs promptfoo's own evaluation over our exports with a provider that echoes what it is
// asked, and compares every rendered prompt with what the model was given. Called by
// exports-check.sh, from a folder where promptfoo is installed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [work, ...policies] = process.argv.slice(2);
const installed = join(process.cwd(), 'node_modules', 'promptfoo');
const { version, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const main = join(installed, bin.promptfoo);
const promptfoo = (args, options) =>
  execFileSync(process.execPath, [main, ...args], { stdio: 'pipe', ...options });
const userText = (content) =>
  typeof content === 'string'
    ? content
    : content
        .map(({ role, text }) => `${role === 'user' ? 'User' : 'Assistant'}: ${text}`)
        .join('\n\n');

for (const policy of policies) {
  const folder = join(work, `${policy}-promptfoo`);
  // Their schema check of the configuration as it was exported.
  promptfoo(['validate', '-c', join(folder, 'promptfooconfig.yaml')]);
  const echo = join(folder, 'echo.cjs');
  writeFileSync(
    echo,
    `module.exports = class { id() { return 'echo'; } async callApi(prompt, context) {
       const answers = context.vars.case.answers;
       return { output: answers[0] + ' T1', metadata: { prompt } }; } };`,
  );
  const results = join(work, `${policy}-results.json`);
  promptfoo(
    ['eval', '-c', join(folder, 'promptfooconfig.yaml'), '--providers', `file://${echo}`,
     '--no-cache', '--no-write', '--no-progress-bar', '--no-table', '-o', results],
    { cwd: folder },
  );
  const found = JSON.parse(readFileSync(results, 'utf8')).results.results;
  const suite = readFileSync(join(work, 'workspace', 'fixtures', `${policy}.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((one) => one.expected);
  assert.equal(found.length, suite.length, `${policy}: every labelled case is a test`);
  const byId = new Map(found.map((result) => [result.vars.case.id, result]));
  const body = readFileSync(join(work, `${policy}-roost`, 'example_policies', policy, 'policy.md'), 'utf8');
  for (const one of suite) {
    const result = byId.get(one.id);
    assert.ok(result, `${policy}: ${one.id} is there`);
    const messages = JSON.parse(result.prompt.raw);
    assert.equal(messages[0].content, body.replace(/\n$/, ''), `${policy}: the policy, word for word`);
    assert.equal(messages[1].content, userText(one.content), `${policy}: ${one.id}, word for word`);
    assert.equal(result.success, true, `${policy}: ${one.id}: ${result.error}`);
  }
  console.log(`promptfoo ${version}: ${policy}: ${found.length} cases, prompts word for word`);
}
