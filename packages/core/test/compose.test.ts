import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compose, type Layer, type Next } from '../dist/compose.js'
import { deferred, rejects } from './support/assertions.js'
import { settle } from './support/fake-runtime.js'

const test = suite('compose')

const onion = (
  layers: readonly Layer<string[]>[],
  core: (log: string[]) => void | Promise<void> = () => {},
) =>
  compose(
    layers.map((run, index) => ({ name: `layer-${index}`, run })),
    core,
  )

const run = async (layers: readonly Layer<string[]>[], core?: (log: string[]) => void | Promise<void>) => {
  const log: string[] = []
  await deadline(1_000, 'the onion', onion(layers, core)(log))
  return log
}

test('runs layers from the outside in and back out', async () => {
  const layer =
    (name: string): Layer<string[]> =>
    async (log, next) => {
      log.push(`${name}>`)
      await next()
      log.push(`<${name}`)
    }
  const log = await run([layer('a'), layer('b')], log => void log.push('core'))
  assert.equal(log, ['a>', 'b>', 'core', '<b', '<a'])
})

test('runs the core alone without layers, and turns its throw into a rejection', async () => {
  const composed = onion([], () => {
    throw new Error('core')
  })
  await deadline(
    1_000,
    'rejection',
    composed([]).then(
      () => assert.unreachable(),
      (thrown: Error) => assert.is(thrown.message, 'core'),
    ),
  )
})

test('a layer that does not call next ends the chain without an error', async () => {
  assert.equal(await run([() => {}, log => void log.push('never')], log => void log.push('never')), [])
})

const slow = async (log: string[]) => {
  await settle(2)
  log.push('core')
}
const quick = (log: string[]) => void log.push('core')

const waits: Record<string, Layer<string[]>> = {
  'await next()': async (_, next) => {
    await next()
  },
  'return next() of an async function': async (_, next) => next(),
  'return next() of a plain function': (_, next) => next(),
  'return next().then()': (_, next) => next().then(() => {}),
  'await next().finally()': async (_, next) => {
    await next().finally(() => {})
  },
  'await next().catch()': async (_, next) => {
    await next().catch(() => {})
  },
  'await Promise.all([next(), work])': async (_, next) => {
    await Promise.all([next(), settle(1)])
  },
}
for (const [name, layer] of Object.entries(waits)) {
  for (const [pace, core] of Object.entries({ slow, quick })) {
    test(`${name} is fine around something ${pace}`, async () => {
      assert.equal(await run([layer], core), ['core'])
    })
  }
}

const forgets: Record<string, Layer<string[]>> = {
  'next()': (_, next) => void next(),
  'next() and then work that takes longer': async (_, next) => {
    void next()
    await settle(4)
  },
  'next().catch() left alone': (_, next) => void next().catch(() => {}),
}
for (const [name, layer] of Object.entries(forgets)) {
  for (const [pace, core] of Object.entries({ slow, quick })) {
    if (name.includes('catch') && pace === 'quick') continue
    test(`${name} without await fails after the inside is done, which is ${pace}`, async () => {
      const log: string[] = []
      await rejects(deadline(1_000, 'the onion', onion([layer], core)(log)), 'MIDDLEWARE_MISUSED')
      assert.equal(log, ['core'])
    })
  }
}

test('a forgotten next() whose inside fails says so in its cause', async () => {
  const failing = async () => {
    throw new Error('inside')
  }
  const error = await rejects(run([(_, next) => void next()], failing), 'MIDDLEWARE_MISUSED')
  assert.is((error.cause as Error).message, 'inside')
})

test('a second next() fails, runs nothing again, and cannot be swallowed', async () => {
  let runs = 0
  const count = () => void runs++
  const swallows: Layer<string[]> = async (_, next) => {
    await next()
    await next().catch(() => {})
  }
  const twice: Layer<string[]> = async (_, next) => {
    await next()
    await next()
  }
  for (const layer of [swallows, twice]) {
    runs = 0
    await rejects(run([layer], count), 'MIDDLEWARE_MISUSED')
    assert.is(runs, 1)
  }
})

test('next() after the layer has returned runs nothing and throws at nobody', async () => {
  let late: Next | undefined
  let runs = 0
  const core = () => void runs++
  const keep: Layer<string[]> = (_, next) => {
    late = next
  }
  await run([keep], core)
  void late?.()
  await rejects(late?.() ?? Promise.resolve(), 'MIDDLEWARE_MISUSED')
  await settle()
  assert.is(runs, 0)
})

test('a layer that throws while the inside runs rejects only when the inside has ended', async () => {
  const gate = deferred()
  const log: string[] = []
  const layer: Layer<string[]> = async (_, next) => {
    void next()
    throw new Error('layer')
  }
  const done = onion([layer], async () => {
    await gate.promise
    log.push('core')
  })(log).catch((thrown: Error) => log.push(thrown.message))
  await settle()
  assert.equal(log, [])
  gate.resolve()
  await deadline(1_000, 'the onion', done)
  assert.equal(log, ['core', 'layer'])
})

test('a layer that gives up waiting for the inside does not let it run on by itself', async () => {
  const gate = deferred()
  let isOver = false
  const race: Layer<string[]> = (_, next) => Promise.race([next(), Promise.reject(new Error('timeout'))])
  const done = onion(
    [race],
    () => gate.promise,
  )([]).catch(() => {
    isOver = true
  })
  await settle()
  assert.not.ok(isOver)
  gate.reject(new Error('late, and nobody listens'))
  await deadline(1_000, 'the onion', done)
})

test('what the inside throws passes through, and a layer can deal with it', async () => {
  const failing = () => Promise.reject(new Error('inside'))
  await deadline(
    1_000,
    'rejection',
    run([(_, next) => next()], failing).then(
      () => assert.unreachable(),
      (thrown: Error) => assert.is(thrown.message, 'inside'),
    ),
  )
  await run([(_, next) => next().catch(() => {})], failing)
})

test.run()
