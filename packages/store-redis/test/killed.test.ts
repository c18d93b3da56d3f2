import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { redisStore } from '@busbar/store-redis'
import { deadline, redisForTests, uniqueName } from '@busbar/testkit'
import { createClient } from 'redis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('idempotency on Redis, with a service that is killed')
const server = await redisForTests()
const program = join(import.meta.dirname, 'programs/dying-service.js')

if (server !== undefined) {
  const { url } = server
  const run = (prefix: string, point: string) =>
    deadline(
      10_000,
      `a service that dies ${point}`,
      new Promise<{ signal: unknown; output: string }>(resolve => {
        execFile(process.execPath, [program, url, prefix, point], (error, output) =>
          resolve({ signal: error?.signal, output }),
        )
      }),
    )

  // Only between the effect and its mark does nobody know that it has happened.
  const effectsByPoint = {
    'before the handler': 1,
    'in the handler': 1,
    'between effect and mark': 2,
    'after the mark': 1,
  }
  for (const [point, effects] of Object.entries(effectsByPoint)) {
    test(`one completed mark, and ${effects} effects, where the process is killed ${point}`, async () => {
      const prefix = `${uniqueName('killed')}:`
      assert.is((await run(prefix, point)).signal, 'SIGKILL')
      // The same event again: it waits for the dead one's claim to run out, and is skipped where the mark was made.
      assert.is((await run(prefix, 'nowhere')).output, point === 'after the mark' ? 'skipped' : 'done')
      assert.is((await run(prefix, 'nowhere')).output, 'skipped')
      const redis = await createClient({ url }).connect()
      assert.is(await redis.get(`${prefix}effects:7`), String(effects))
      const key = JSON.stringify(['shop', 'shop/order.placed', 'the order'])
      assert.is((await redisStore(redis, { prefix }).claim(key, 1_000)).kind, 'completed')
      redis.destroy()
    })
  }
}

test.run()
