import { memoryState } from '@busbar/core'
import { stateStoreCases } from '@busbar/core/conformance'
import { suite } from 'uvu'

const test = suite('memoryState')
const provider = memoryState()

for (const { name, durable, run } of stateStoreCases) {
  if (!durable) test(name, () => run({ provider: () => provider }))
}

test.run()
