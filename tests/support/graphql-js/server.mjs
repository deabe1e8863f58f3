// A GraphQL server over HTTP for an SDL file, as Node.js servers run in production: graphql-js validates,
// introspection is off, and every field is answered with null.
//
//   node server.mjs SDL [suggestions] [places]
//
// Without `suggestions`, messages omit "Did you mean"; without `places`, errors omit their locations. Prints its
// address. `GET /executed` returns the number of valid documents so far.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { graphql } from './graphql.mjs';

const { NoSchemaIntrospectionCustomRule, buildSchema, execute, parse, specifiedRules, validate } = graphql;
const [path, ...options] = process.argv.slice(2);
const schema = buildSchema(readFileSync(path, 'utf8'));
const rules = [...specifiedRules, NoSchemaIntrospectionCustomRule];
let executed = 0;

function error({ message, locations }) {
  const text = options.includes('suggestions') ? message : message.replace(/ Did you mean .*$/, '');
  return options.includes('places') ? { message: text, locations } : { message: text };
}

async function answer({ query, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (e) {
    return { errors: [error(e)] };
  }
  const errors = validate(schema, document, rules);
  if (errors.length > 0) return { errors: errors.map(error) };
  executed += 1;
  return execute({ schema, document, variableValues: variables });
}

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const value = request.method === 'POST' ? await answer(JSON.parse(body)) : executed;
  response.writeHead(value.errors ? 400 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
