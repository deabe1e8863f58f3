// graphql-js, from where npm.sh puts it.

import { createRequire } from 'node:module';

export const graphql = createRequire(new URL('../../../.test-needs/graphql-js/', import.meta.url))('graphql');
