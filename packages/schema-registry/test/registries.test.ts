import { confluentRegistry, memoryRegistry, type SchemaRegistryClient } from '@busbar/schema-registry'
import { deadline, registryForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import { registryCases } from './support/registry-cases.js'

const test = suite('registries: the same answers in memory and from a real one')

const real = await registryForTests()
const inMemory = memoryRegistry()
const registries: [string, () => SchemaRegistryClient][] = [['in memory', () => inMemory]]
if (real !== undefined) registries.push(['real', () => confluentRegistry({ url: real.url })])

for (const [kind, client] of registries) {
  for (const { name, run } of registryCases) {
    test(`${kind}: ${name}`, () => deadline(10_000, name, run(client(), client())))
  }
}

test.run()
