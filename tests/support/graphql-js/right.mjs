// Valid questions: both servers must give the same answer.

/** The list; some need ids of the sample. */
export function right({ contacts, persons, conversations, messages }) {
  const [contact, , other] = contacts.map((c) => c._id);
  const person = persons[0]._id;
  const [talkative] = [...messages].sort((a, b) => b[1].length - a[1].length)[0];
  const silent = [...messages].find(([, list]) => list.length === 0)?.[0] ?? 'none';
  const list = 'getContactList';
  const docs = (fields) => `{ data { docs { ${fields} } } }`;
  return [
    // Lists, pages and limits
    `{ ${list} { success code message data { hasNextPage totalDocs docs { _id firstName } } } }`,
    `{ ${list}(page: 2) { data { hasNextPage docs { _id } } } }`,
    `{ ${list}(page: 3, limit: 7) { data { hasNextPage totalDocs docs { _id } } } }`,
    `{ ${list}(limit: 1000) { data { hasNextPage totalDocs docs { _id } } } }`,
    `{ ${list}(limit: 0, page: 0) { data { docs { _id } } } }`,
    `{ ${list}(limit: -4, page: -1) { data { docs { _id } } } }`,
    `{ ${list}(limit: null, page: null) { data { docs { _id } } } }`,
    `{ ${list}(page: 2147483647, limit: 2147483647) { data { hasNextPage totalDocs docs { _id } } } }`,
    `{ getMessages(conversationId: "${talkative}") { success data { totalDocs docs { _id content contentHtml } } } }`,
    `{ getMessages(conversationId: "${talkative}", limit: 3, page: 2) { data { hasNextPage docs { _id createdAt } } } }`,
    `{ getMessages(conversationId: "${silent}") { success data { hasNextPage totalDocs docs { _id } } } }`,
    `{ getMessages(conversationId: "nobody's") { success code data { hasNextPage totalDocs docs { _id } } } }`,
    `{ getMessages(conversationId: 12) { success data { totalDocs } } }`,
    `{ getAllConnectedPlatformList { success code data { channelType _id name status channelId senderEmailAddress } } }`,
    // One record
    `{ getContact(_id: "${contact}") { success code message data { firstName _id lastName tags { name color _id } } } }`,
    `{ getContact(_id: "gone") { message code data { _id } success } }`,
    `{ getContact(_id: 0) { success code } }`,
    `{ getCustomerPerson(_id: "${person}") { data { type status email language } success } }`,
    `{ getConversation(_id: "${talkative}") { data { lastMessage { content channelType } channels { type _id } type priority } } }`,
    // Aliases, duplicates, __typename
    `{ a: getContact(_id: "${contact}") { s: success data { id: _id _id } } b: getContact(_id: "${other}") { data { _id } } }`,
    `{ ${Array.from({ length: 30 }, (_, n) => `p${n}: ${list}(page: ${n}, limit: 2) { data { docs { _id } } }`).join(' ')} }`,
    `{ __typename ${list}(limit: 1) { __typename data { __typename docs { __typename tags { t: __typename name } } } } kind: __typename }`,
    `{ ${list}(limit: 2) ${docs('lastName _id lastName firstName _id')} }`,
    `{ ${list}(limit: 2) { data { docs { _id } } success } ${list}(limit: 2) { code data { totalDocs docs { email _id } } } }`,
    `{ ${list}(limit: 2) ${docs('lastName: firstName firstName: lastName email: __typename')} }`,
    `{ ${list}(limit: 2) ${docs('tags { name } phone tags { _id name } platforms { platform } platforms { platformId }')} }`,
    // Fragments
    `query { ${list}(limit: 3) { ...E data { ...P } } } fragment E on ContactListPayload { success ...C } fragment C on ContactListPayload { code }
     fragment P on ContactPage { docs { ...D tags { ...T } } totalDocs } fragment D on ExternalContact { country _id } fragment T on Tag { color }`,
    `{ ...Q ...Q } fragment Q on Query { ${list}(limit: 1) { success data { docs { ...A ...B } } } }
     fragment A on ExternalContact { tags { _id } _id } fragment B on ExternalContact { tags { name } gender }`,
    `{ ... { ... on Query { ${list}(limit: 2) { ... on ContactListPayload { ... { success } } success data { docs { ... on ExternalContact { _id } } } } } } }`,
    // @skip and @include
    `{ ${list}(limit: 2) { success @skip(if: true) code data @include(if: true) { docs { _id @include(if: false) email @skip(if: false) } } } }`,
    `{ ${list}(limit: 2) { success @skip(if: true) } getContact(_id: "x") @include(if: false) { success } }`,
    `{ ${list}(limit: 2) { data { docs { _id @skip(if: true) } } } }`,
    `{ ${list}(limit: 2) { data { totalDocs @include(if: false) } } }`,
    `{ ${list}(limit: 2) ${docs('tags { name @skip(if: true) } _id')} }`,
    `{ ${list} @skip(if: true) { success } }`,
    `{ ${list}(limit: 1) { success @skip(if: false) @include(if: false) code @skip(if: true) @include(if: true) message @include(if: true) @skip(if: false) } }`,
    `{ ${list}(limit: 1) { success @skip(if: true) success ...F @skip(if: true) ... @include(if: false) { code } ... @include(if: true) { message } ...F } }
     fragment F on ContactListPayload { data { totalDocs } }`,
    [`query($yes: Boolean!, $no: Boolean = false) { ${list}(limit: 1) { success @include(if: $yes) code @include(if: $no) message @skip(if: $no) } }`, { yes: true }],
    [`query($yes: Boolean!, $no: Boolean = false) { ${list}(limit: 1) { success @include(if: $yes) code @include(if: $no) message @skip(if: $no) } }`, { yes: false, no: true }],
    // Variables
    [`query L($p: Int, $l: Int) { ${list}(page: $p, limit: $l) { data { docs { _id } } } }`, { p: 2, l: 5 }],
    [`query L($p: Int, $l: Int) { ${list}(page: $p, limit: $l) { data { docs { _id } } } }`, { l: 5 }],
    [`query L($p: Int, $l: Int) { ${list}(page: $p, limit: $l) { data { docs { _id } } } }`, { p: null, l: null }],
    [`query L($p: Int = 3, $l: Int! = 4) { ${list}(page: $p, limit: $l) { data { docs { _id } } } }`, {}],
    [`query L($p: Int = 3, $l: Int! = 4) { ${list}(page: $p, limit: $l) { data { docs { _id } } } }`, { p: null, l: 2 }],
    [`query L($p: Int = null) { ${list}(page: $p, limit: 2) { data { docs { _id } } } }`, {}],
    [`query L($p: Int) { ${list}(page: $p, limit: 2) { data { docs { _id } } } }`, { p: 1.0, more: 'unused' }],
    [`query One($id: ID!) { getContact(_id: $id) { success data { _id } } }`, { id: contact }],
    [`query One($id: ID!) { getContact(_id: $id) { success code } }`, { id: 5 }],
    [`query One($id: ID = "${contact}") { getContact(_id: $id) { success data { _id } } }`, {}],
    [`query One($id: ID = "${contact}") { getContact(_id: $id) { success data { _id } } kept: ${list}(limit: 1) { success } }`, { id: null }],
    // Several operations
    [`query A { ${list}(limit: 1) { success } } query B { getCustomerPersonList(limit: 1) { code success } }`, {}, 'B'],
    [`query A($p: Int) { ${list}(page: $p) { success } } query B($p: Int!) { getCustomerPersonList(page: $p) { success } }`, {}, 'A'],
    [`query A { __typename } mutation B { __typename }`, {}, 'B'],
    [`query A { __typename }`, {}, 'A'],
    // The mutation, as far as its answer is no secret
    [`mutation M($id: String!, $in: GenerateOAuthTokenInput!) {
       a: generateOAuthToken(input: {clientId: $id, clientSecret: "sandbox-secret"}) { success __typename data { expiresIn } }
       b: generateOAuthToken(input: $in) { code success } }`,
      { id: 'sandbox-client', in: { clientId: 'sandbox-client', clientSecret: 'sandbox-secret' } }],
    // Spelling of the text itself
    `\ufeff{,,, ${list},(limit:,1) { # a comment\n success,,code } }\n\n# the end`,
    `{ getContact(_id: """\n    gone\n  """) { success code } }`,
    `{ getContact(_id: "\\u0067\\u{6f}ne \\n\\" \\\\ \\/ ğüş 👩‍👧") { success code } }`,
    // The schema about itself
    `{ __type(name: "ExternalContact") { name kind fields { name type { name kind ofType { name kind } } args { name } } } ${list}(limit: 1) { success } }`,
    `{ __type(name: "Nope") { name } t: __type(name: "CustomerType") { enumValues { name isDeprecated } } }`,
    `{ __schema { queryType { name } mutationType { name } subscriptionType { name } } }`,
    [`query T($n: String!) { __type(name: $n) { ...T } } fragment T on __Type { inputFields { name defaultValue type { ofType { name } } } }`, { n: 'GenerateOAuthTokenInput' }],
  ].map(question);
}

export function question(given) {
  const [query, variables, operationName] = typeof given === 'string' ? [given] : given;
  return { query, variables, operationName };
}
