// Type systems as introspection describes them.

/** A type system without what is told differently and means the same: order, descriptions, built-in directives. */
export function typeSystem({ data }) {
  const byName = (list) => list && Object.fromEntries(list.map((one) => [one.name, plain(one)]).sort(([a], [b]) => (a < b ? -1 : 1)));
  const plain = (one) =>
    Object.fromEntries(
      Object.entries(one)
        .filter(([key]) => key !== 'description')
        .map(([key, value]) => [key, Array.isArray(value) ? byName(value) : value]),
    );
  const { types, directives, ...roots } = data.__schema;
  const own = types.filter((type) => !type.name.startsWith('__'));
  // @oneOf is newer than our validator.
  const known = directives.map((d) => d.name).filter((name) => name !== 'oneOf');
  return { ...roots, types: byName(own), directives: known.sort() };
}
