import type { StandardSchema } from '@busbar/core'

export interface Order {
  readonly id: string
  readonly amount: number
}

/** A Standard Schema without a library. */
export const orderSchema: StandardSchema<Order> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: value => {
      const { id, amount } = (value ?? {}) as Record<string, unknown>
      const issues = [
        ...(typeof id === 'string' ? [] : [{ message: 'must be text', path: ['id'] }]),
        ...(typeof amount === 'number' ? [] : [{ message: 'must be a number', path: ['amount'] }]),
      ]
      return issues.length > 0 ? { issues } : { value: value as Order }
    },
  },
}
