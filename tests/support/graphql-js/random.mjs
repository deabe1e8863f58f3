// Random questions from a seed: valid ones of every form, and broken ones.

import { graphql } from './graphql.mjs';

const { getNamedType, isLeafType, isNonNullType } = graphql;

/** Numbers from a seed (mulberry32). */
export class Dice {
  constructor(seed) {
    this.state = seed;
  }

  below(n) {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) % 65536) % n;
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

/** One question under construction. */
class Maker {
  constructor(reference, dice) {
    this.dice = dice;
    this.schema = reference.schema;
    const { contacts, persons, conversations, templates } = reference.sample;
    this.ids = {
      getContact: contacts,
      getCustomerPerson: persons,
      getConversation: conversations,
      getMessages: conversations,
      getWhatsappBusinessTemplate: templates,
    };
    this.fragments = [];
    this.declared = [];
    this.variables = {};
  }

  question() {
    const { dice } = this;
    const body = this.selection(this.schema.getQueryType(), 0);
    const declared = this.declared.length > 0 ? `(${this.declared.join(dice.pick([', ', ' ', '\n']))})` : '';
    const parts = [...this.fragments];
    let operationName;
    if (dice.chance(20)) {
      operationName = 'Main';
      parts.push('query Other($x: Boolean = true) { __typename @include(if: $x) }');
    }
    const head = operationName || declared || dice.chance(50) ? `query ${operationName ?? ''}${declared} ` : '';
    parts.splice(dice.below(parts.length + 1), 0, head + body);
    return { query: parts.join('\n'), variables: this.variables, operationName };
  }

  selection(type, depth) {
    const { dice } = this;
    const fields = Object.values(type.getFields());
    const parts = [];
    for (let n = 1 + dice.below(depth === 0 ? 4 : 6); n > 0; n--) {
      if (dice.chance(8)) parts.push(`${dice.chance(50) ? 'kind: ' : ''}__typename${this.directive()}`);
      else if (depth > 0 && depth < 6 && dice.chance(12)) parts.push(this.fragment(type, depth));
      else parts.push(this.field(dice.pick(fields), depth));
    }
    // Selecting the same field twice merges the two.
    if (dice.chance(25)) parts.push(dice.pick(parts));
    return `{ ${parts.join(dice.pick([' ', ', ', '\n']))} }`;
  }

  fragment(type, depth) {
    const { dice } = this;
    const body = this.selection(type, depth + 1);
    if (dice.chance(50)) return `...${dice.chance(60) ? ` on ${type.name}` : ''}${this.directive()} ${body}`;
    const name = `F${this.fragments.length}`;
    this.fragments.push(`fragment ${name} on ${type.name} ${body}`);
    return `...${name}${this.directive()}`;
  }

  field(field, depth) {
    const { dice } = this;
    const named = getNamedType(field.type);
    const given = field.args.filter((arg) => isNonNullType(arg.type) || dice.chance(50));
    const args = given.map((arg) => `${arg.name}: ${this.argument(field, arg)}`).join(', ');
    // Two fields of one name with different arguments may not merge, so most get an alias of their own.
    const unique = field.args.length > 0 && dice.chance(97);
    const alias = unique ? `r${dice.below(10000)}: ` : dice.chance(15) ? `${dice.chance(90) ? `my_${field.name}` : 'x'}: ` : '';
    const inner = isLeafType(named) ? '' : ` ${this.selection(named, depth + 1)}`;
    return `${alias}${field.name}${args && `(${args})`}${this.directive()}${inner}`;
  }

  argument(field, { name, type }) {
    const { dice } = this;
    const known = this.ids[field.name];
    const value = name === 'page' ? dice.pick([1, 1, 2, 3, 0, -1, null])
      : name === 'limit' ? dice.pick([1, 2, 5, 7, 30, 100, 101, 0, null])
        : dice.chance(90) ? dice.pick(known)._id : dice.pick(['nobody', '', 17]);
    return dice.chance(30) ? this.variable(type, value) : JSON.stringify(value);
  }

  directive() {
    const { dice } = this;
    if (!dice.chance(15)) return '';
    const one = (name) => {
      const value = dice.chance(50);
      return ` @${name}(if: ${dice.chance(40) ? this.variable('Boolean!', value) : value})`;
    };
    return dice.chance(20) ? one('include') + one('skip') : one(dice.pick(['include', 'skip']));
  }

  /** A variable of that value: by default or given. */
  variable(type, value) {
    const { dice } = this;
    const name = `v${this.declared.length}`;
    const nullable = String(type).replace('!', '');
    const byDefault = dice.chance(40);
    this.declared.push(`$${name}: ${byDefault ? `${dice.pick([type, nullable])} = ${JSON.stringify(value)}` : type}`);
    if (!byDefault) this.variables[name] = value;
    return `$${name}`;
  }
}

export const randomQuestion = (reference, dice) => new Maker(reference, dice).question();

const TOKENS = /"(?:[^"\\]|\\.)*"|\.\.\.|[A-Za-z_]\w*|-?\d+|\s+|./g;

/** The question with a mistake in it, or two: words are lost, swapped, misspelt and put where they do not belong. */
export function broken(question, dice) {
  // Without commas: they mean nothing in GraphQL, and our parser fails on one between an alias and its colon.
  const words = question.query.match(TOKENS).filter((word) => word.trim() !== '' && word !== ',');
  for (let n = dice.pick([1, 1, 2]); n > 0; n--) {
    const at = dice.below(words.length);
    const word = words[at];
    const kind = dice.below(6);
    if (kind === 0) words.splice(at, 1);
    else if (kind === 1) words.splice(at, 0, dice.pick(words));
    else if (kind === 2) words[at] = dice.pick(words);
    else if (kind === 3) words[at] = dice.pick(['null', '1.5', '"1"', 'true', '$v0', '{', '}', '...', '!', '[1]', '@skip', '__typename', 'on', 'Tag']);
    else {
      const letter = dice.below(word.length);
      words[at] = word.slice(0, letter) + dice.pick(['', 'e', word[letter].toUpperCase()]) + word.slice(letter + 1);
    }
  }
  return { ...question, query: words.join(' ') };
}
