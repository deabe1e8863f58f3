// Asks every root field of a sandbox for everything in its schema, and lets graphql-js check the answers by that
// schema: what must not be null is not null, lists are lists, and numbers and enum values fit their types.
//
//     node conforms.mjs <endpoint> <schema.graphql>
//
// The schema may use @sandbox: the served schema must equal it without that. Prints the differences and, as its last
// line, the number of types and root fields that were compared, as JSON.

import { readFileSync } from 'node:fs';

import { graphql } from './graphql.mjs';
import { Sandbox } from './sandbox.mjs';
import { typeSystem } from './types.mjs';

const { buildSchema, execute, getIntrospectionQuery, getNamedType, isInputObjectType, isLeafType, isRequiredArgument, parse } =
  graphql;
const DEEPEST = 7;
const [endpoint, sdl] = process.argv.slice(2);
const sandbox = new Sandbox(endpoint);
const schema = buildSchema(readFileSync(sdl, 'utf8').replace(/@sandbox\([^)]*\)/g, ''));
const differences = [];
let conversation = 'none';

function differ(what, ours, theirs) {
  if (ours !== theirs) differences.push(`${what}\nsandbox    ${ours.slice(0, 700)}\ngraphql-js ${theirs.slice(0, 700)}`);
}

/** Everything a type has. */
function everything(type, depth = 0) {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  const fields = Object.values(named.getFields()).filter((f) => !f.args.some(isRequiredArgument));
  const parts = fields.filter((f) => depth < DEEPEST || isLeafType(getNamedType(f.type)));
  return `{ __typename ${parts.map((f) => `${f.name} ${everything(f.type, depth + 1)}`).join(' ')} }`;
}

/** A value for an argument: the key, or a conversation's id. */
function value(name, type) {
  const named = getNamedType(type);
  if (isInputObjectType(named)) {
    const fields = Object.values(named.getFields()).filter(isRequiredArgument);
    return `{${fields.map((f) => `${f.name}: ${value(f.name, f.type)}`).join(', ')}}`;
  }
  if (/secret/i.test(name)) return '"sandbox-secret"';
  if (/client/i.test(name)) return '"sandbox-client"';
  return JSON.stringify(conversation);
}

function question({ name, args, type }) {
  const given = args.filter(isRequiredArgument).map((a) => `${a.name}: ${value(a.name, a.type)}`);
  return `${name}${given.length > 0 ? `(${given.join(', ')})` : ''} ${everything(type)}`;
}

async function ask(query) {
  const ours = await sandbox.ask({ query });
  const theirs = await execute({ schema, document: parse(query), rootValue: ours.data });
  differ(query, JSON.stringify({ data: ours.data, errors: ours.errors }), JSON.stringify(theirs));
  return ours.data;
}

const introspection = { query: getIntrospectionQuery() };
const served = typeSystem(await sandbox.ask(introspection));
const own = typeSystem(execute({ schema, document: parse(introspection.query) }));
differ('the type system', JSON.stringify(served), JSON.stringify(own));

const token = await ask(`mutation { ${question(schema.getMutationType().getFields().generateOAuthToken)} }`);
sandbox.token = /TOKENMARKER-[0-9a-f]+/.exec(JSON.stringify(token))[0];
const fields = Object.values(schema.getQueryType().getFields());
// Conversations first: their messages need an id.
fields.sort((a, b) => /conversation.*list|conversations/i.test(b.name) - /conversation.*list|conversations/i.test(a.name));
for (const field of fields) {
  const answer = await ask(`{ ${question(field)} }`);
  if (conversation === 'none') conversation = /"_id":"([^"]+)"/.exec(JSON.stringify(answer))[1];
}
for (const difference of differences) console.log(`${difference}\n`);
console.log(JSON.stringify({ types: Object.keys(own.types).length, fields: fields.length }));
process.exitCode = differences.length > 0 ? 1 : 0;
