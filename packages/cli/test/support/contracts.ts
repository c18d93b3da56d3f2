import { type Codec, defineError, defineEvent, defineRequest, type SchemaDocument } from '@busbar/core'
import * as z from 'zod'

/** A codec that is nothing but its schema. */
export function described(
  schema: SchemaDocument | undefined,
  contentType = 'application/avro',
): Codec<unknown> {
  return { contentType, schema, encode: () => new Uint8Array(0), decode: () => undefined }
}

export const userRecord = {
  type: 'record',
  name: 'UserCreated',
  namespace: 'com.example',
  doc: 'Somebody has signed up.',
  fields: [
    { name: 'id', type: 'string', doc: 'Unique & short' },
    { name: 'email', type: ['null', 'string'], default: null },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
} as const

export const UserCreated = defineEvent('user.created', {
  topic: {
    name: 'users',
    partitions: 12,
    replication: 3,
    config: { 'retention.ms': '86400000', 'cleanup.policy': 'compact,delete', 'min.insync.replicas': '2' },
  },
  schema: described({ format: 'avro', definition: userRecord, recordName: 'com.example.UserCreated' }),
  key: () => 'k',
})

export const UserRenamed = defineEvent('user.renamed', {
  topic: 'users',
  schema: z.object({ id: z.string(), name: z.string().default('nobody').describe('The new one') }),
})

export const Bare = defineEvent<{ n: number }>('bare')

const NotFound = defineError('NotFound', { data: z.object({ id: z.string() }) })
const Locked = defineError('Locked')

export const GetUser = defineRequest('user.get', {
  request: z.object({ id: z.string() }),
  reply: z.object({ id: z.string(), name: z.string() }),
  errors: { NotFound, Locked },
})

export const contracts = [UserCreated, UserRenamed, Bare, GetUser]
