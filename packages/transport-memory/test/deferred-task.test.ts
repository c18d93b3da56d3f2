import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DeferredTask } from '../dist/deferred-task.js'
import { FakeRuntime } from './fake-runtime.js'

test('runs once in a later turn, however often it was scheduled, and again when it is scheduled again', async () => {
  const runtime = new FakeRuntime()
  let runs = 0
  const task = new DeferredTask(runtime, () => {
    runs += 1
  })
  task.schedule()
  task.schedule()
  assert.is(runs, 0)
  await runtime.settle()
  assert.is(runs, 1)
  task.schedule()
  await runtime.settle()
  assert.is(runs, 2)
})

test.run()
