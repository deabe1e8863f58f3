// graphql-js, from the folder in which npm.sh installs it.

import { createRequire } from 'node:module';

export const graphql = createRequire(new URL('../../../.test-needs/graphql-js/', import.meta.url))('graphql');
