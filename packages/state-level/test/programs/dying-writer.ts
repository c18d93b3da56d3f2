// Writes one round after the other until it is killed, and says which it has written: node dying-writer.js <folder>
import { levelState } from '@busbar/state-level'

const [folder = ''] = process.argv.slice(2)
const store = await levelState({ folder }).open({ group: 'g', store: 's', partition: 0 })
const filler = 'x'.repeat(2_000)

for (let round = Number(Buffer.from(store.checkpoint ?? []).toString()) + 1; ; round += 1) {
  const value = Buffer.from(`${round}:${filler}`)
  const changes = Array.from({ length: 20 }, (_, index) => ({ key: Buffer.from(`key-${index}`), value }))
  // A key of each round that the next round deletes.
  const passing = [
    { key: Buffer.from(`round-${round}`), value },
    { key: Buffer.from(`round-${round - 1}`), value: undefined },
  ]
  await store.write([...changes, ...passing], Buffer.from(String(round)))
  process.stdout.write(`${round}\n`)
}
