export const kinds = [
  'throws once',
  'throws always',
  'undecodable',
  'invalid payload',
  'never settles',
  'not retryable',
] as const
export const middlewares = ['default', 'retry via topic', 'idempotent', 'hand-back'] as const
export const shapes = ['single', 'batch'] as const
export const deaths = [
  'before the handler',
  'in the handler',
  'after the effect',
  'before the commit',
  'in the dead-letter write',
] as const

type Kind = (typeof kinds)[number]
export type Death = (typeof deaths)[number]

/** One combination, with a topic and a group of its own. All of one death run side by side in one process. */
export interface MatrixCase {
  readonly kind: Kind
  readonly middleware: (typeof middlewares)[number]
  readonly shape: (typeof shapes)[number]
  readonly topic: string
  readonly group: string
}

/** Every combination but the death, under names of their own. */
export function combinations(prefix: string): MatrixCase[] {
  const found: MatrixCase[] = []
  for (const kind of kinds) {
    for (const middleware of middlewares) {
      for (const shape of shapes) {
        const topic = `${prefix}-${found.length}`
        found.push({ kind, middleware, shape, topic, group: `${topic}-group` })
      }
    }
  }
  return found
}

/** Records of each case: ids `0` to `11`, over four keys; one of them is of the case's kind. */
export const recordCount = 12
export const badId = '5'
export const keyOf = (id: string): string => `key-${Number(id) % 4}`

/** The record at which the process dies: the bad one, where it reaches the handler. */
export function targetOf({ kind }: MatrixCase): string {
  return kind === 'undecodable' || kind === 'invalid payload' ? '6' : badId
}

/** The code in the dead letter of the bad record; undefined where it is handled in the end. */
export function expectedCode({ kind }: MatrixCase): string | undefined {
  switch (kind) {
    case 'throws once':
      return undefined
    case 'throws always':
      return 'HANDLER_FAILED'
    case 'undecodable':
      return 'DECODE_FAILED'
    case 'never settles':
      return 'HANDLER_TIMEOUT'
    case 'invalid payload':
    case 'not retryable':
      return 'PAYLOAD_INVALID'
  }
}

/** Whether the bad record stays unacknowledged for ever: nobody was asked to give it up. */
export const isStuck = (each: MatrixCase): boolean =>
  each.middleware === 'hand-back' && expectedCode(each) !== undefined

export const describeCase = ({ kind, middleware, shape }: MatrixCase): string =>
  `${kind}, ${middleware}, ${shape}`
