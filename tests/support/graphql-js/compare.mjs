// Asks the sandbox and graphql-js the same questions and compares the answers.
//
//     node compare.mjs <endpoint> <schema.graphql>
//
// Prints every difference and, as its last line, what was compared, as JSON. Exits with 1 if something differs.
// RANDOM_QUESTIONS (300) questions are random, from RANDOM_SEED (7). WORDS=1 shows refusals that differ only in their
// words.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

import { graphql } from './graphql.mjs';
import { Dice, broken, randomQuestion } from './random.mjs';
import { Reference } from './reference.mjs';
import { right } from './right.mjs';
import { Sandbox } from './sandbox.mjs';
import { typeSystem } from './types.mjs';
import { wrong } from './wrong.mjs';

const { getIntrospectionQuery } = graphql;
const [endpoint, sdl] = process.argv.slice(2);
const sandbox = new Sandbox(endpoint);
const reference = new Reference(readFileSync(sdl, 'utf8'));
const RANDOM = Number(process.env.RANDOM_QUESTIONS ?? 300);
const counts = { right: 0, refused: 0, worded: 0, types: 0 };
const differences = [];

const shown = (text) => (text.length > 700 ? `${text.slice(0, 700)}...` : text);

/** Data as text: the order of keys counts, and nothing is lost on the way. Errors: what and where. */
const told = ({ data, errors }) =>
  JSON.stringify({ data, errors: errors?.map(({ message, path }) => ({ message, path })) });

const words = ({ errors }) => errors.map((e) => e.message).sort();

const refusal = ({ data, errors }) => data == null && errors?.length > 0;

function differ(question, ours, theirs) {
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at++;
  at = Math.max(0, at - 80);
  differences.push(
    `asked      ${shown(JSON.stringify(question))}\nsandbox    ${shown(ours.slice(at))}\ngraphql-js ${shown(theirs.slice(at))}`,
  );
}

async function compare(question) {
  const theirs = reference.answer(question);
  const ours = await sandbox.ask(question);
  if (refusal(theirs) && refusal(ours)) {
    counts.refused++;
    const same = isDeepStrictEqual(words(ours), words(theirs));
    if (same) counts.worded++;
    if (!same && (question.sameWords || process.env.WORDS)) differ(question, words(ours).join(' | '), words(theirs).join(' | '));
  } else {
    counts.right++;
    if (told(ours) !== told(theirs)) differ(question, told(ours), told(theirs));
  }
}

async function compareTypeSystems() {
  const question = { query: getIntrospectionQuery() };
  const [ours, theirs] = [typeSystem(await sandbox.ask(question)), typeSystem(reference.answer(question))];
  for (const name of Object.keys({ ...ours.types, ...theirs.types })) {
    counts.types++;
    const [one, other] = [ours, theirs].map((system) => JSON.stringify(system.types[name]) ?? 'none');
    if (one !== other) differ({ type: name }, one, other);
  }
  const roots = ({ types, ...rest }) => JSON.stringify(rest);
  if (roots(ours) !== roots(theirs)) differ({ type: 'roots' }, roots(ours), roots(theirs));
}

await sandbox.logIn();
await reference.takeSample(sandbox);
for (const question of [...right(reference.sample), ...wrong]) await compare(question);
await compareTypeSystems();
const dice = new Dice(Number(process.env.RANDOM_SEED ?? 7));
for (let n = 0; n < RANDOM; n++) {
  const question = randomQuestion(reference, dice);
  await compare(question);
  await compare(broken(question, dice));
}
for (const difference of differences) console.log(`${difference}\n`);
console.log(JSON.stringify(counts));
process.exitCode = differences.length > 0 ? 1 : 0;
