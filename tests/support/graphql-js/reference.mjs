// The same API built with graphql-js, over a sample of the sandbox's records.

import { graphql } from './graphql.mjs';

const { buildSchema, execute, getNamedType, isObjectType, parse, validate } = graphql;

const DEFAULT_LIMIT = 20;
const LARGEST_PAGE = 100;

/** Everything that can be selected on a type. */
export function everything(type) {
  const named = getNamedType(type);
  if (!isObjectType(named)) return '';
  const fields = Object.values(named.getFields()).map((field) => `${field.name} ${everything(field.type)}`);
  return `{ ${fields.join(' ')} }`;
}

export class Reference {
  constructor(sdl) {
    this.schema = buildSchema(sdl);
    this.sample = {};
  }

  /** Takes every record with every field the schema has from the sandbox. */
  async takeSample(sandbox) {
    const walk = async (field, more = '') => {
      const list = getNamedType(this.schema.getQueryType().getFields()[field].type);
      const docs = [];
      for (let page = 1; ; page++) {
        const query = `{ ${field}(page: ${page}, limit: ${LARGEST_PAGE}${more}) ${everything(list)} }`;
        const { data } = (await sandbox.ask({ query })).data[field];
        docs.push(...data.docs);
        if (data.hasNextPage) continue;
        if (docs.length !== data.totalDocs) throw new Error(`${docs.length} of ${data.totalDocs} in ${field}`);
        return docs;
      }
    };
    this.sample.contacts = await walk('getContactList');
    this.sample.persons = await walk('getCustomerPersonList');
    this.sample.conversations = await walk('getConversationList');
    this.sample.messages = new Map();
    for (const { _id } of this.sample.conversations) {
      this.sample.messages.set(_id, await walk('getMessages', `, conversationId: "${_id}"`));
    }
    this.sample.templates = await walk('getWhatsappBusinessTemplateList');
    const list = this.schema.getType('ConnectedPlatformListPayload');
    const answer = await sandbox.ask({ query: `{ getAllConnectedPlatformList ${everything(list)} }` });
    this.sample.channels = answer.data.getAllConnectedPlatformList.data;
  }

  /** What graphql-js answers, by the steps of a server. */
  answer({ query, variables, operationName }) {
    let document;
    try {
      document = parse(query);
    } catch (error) {
      return { errors: [error] };
    }
    const errors = validate(this.schema, document);
    if (errors.length > 0) return { errors };
    return execute({
      schema: this.schema,
      document,
      rootValue: this.root(),
      variableValues: variables,
      operationName,
    });
  }

  root() {
    const { contacts, persons, conversations, messages, channels, templates } = this.sample;
    return {
      getContact: one(contacts),
      getContactList: (args) => page(contacts, args),
      getCustomerPerson: one(persons),
      getCustomerPersonList: (args) => page(persons, args),
      getConversation: one(conversations),
      getConversationList: (args) => page(conversations, args),
      getMessages: (args) => page(messages.get(args.conversationId) ?? [], args),
      getWhatsappBusinessTemplate: one(templates),
      getWhatsappBusinessTemplateList: (args) => page(templates, args),
      getAllConnectedPlatformList: () => ({ success: true, data: channels }),
      generateOAuthToken: () => ({ success: true, data: { expiresIn: 3600 } }),
    };
  }
}

/** A page: numbers that make no sense are as good as none. */
function page(list, args) {
  const number = args.page > 0 ? args.page : 1;
  const limit = Math.min(args.limit > 0 ? args.limit : DEFAULT_LIMIT, LARGEST_PAGE);
  const docs = list.slice((number - 1) * limit, number * limit);
  return { success: true, data: { docs, hasNextPage: number * limit < list.length, totalDocs: list.length } };
}

const one = (list) => (args) => {
  const data = list.find((record) => record._id === args._id);
  return data === undefined
    ? { success: false, code: 'NOT_FOUND', message: 'Record not found' }
    : { success: true, data };
};
