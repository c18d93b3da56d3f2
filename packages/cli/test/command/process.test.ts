import { existsSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { age, eventModule, id } from '../support/modules.js'
import { Workspace } from '../support/workspace.js'

// What only a process has. All else that the command does is tested without one, which takes a hundredth of the time.
const test = suite('busbar as a process')

const oneEvent = `import { defineEvent } from '@busbar/core'\nexport const A = defineEvent('a')`
const manyEvents = `import { defineEvent } from '@busbar/core'
  export const all = Array.from({ length: 3000 }, (_, n) => defineEvent('event.' + n))`

test('the exit code tells fine, incompatible and failed apart', async () => {
  await using workspace = await Workspace.create({
    'm.js': eventModule([id]),
    'n.js': eventModule([id, age]),
  })
  const check = (module: string, snapshot: string) =>
    workspace.runProcess(['schemas', 'check', module, '--snapshot', snapshot])
  const pushed = await workspace.runProcess(['schemas', 'push', 'm.js', '--snapshot', 's.json'])
  assert.is(pushed.code, 0, pushed.err)
  assert.is((await check('m.js', 's.json')).code, 0)
  assert.is((await check('n.js', 's.json')).code, 1)
  assert.is((await check('m.js', 'none.json')).code, 2)
})

test('what a module prints, however it does, leaves open or starts does not get in the way', async () => {
  await using workspace = await Workspace.create({
    'noisy.js': `
      console.log('loading')
      console.dir({ is: 'dir' })
      process.stdout.write('written')
      setInterval(() => {}, 1000)
      ${oneEvent}`,
  })
  const ran = await workspace.runProcess(['docs', 'noisy.js', '--format', 'asyncapi'])
  assert.is(ran.code, 0)
  assert.is((JSON.parse(ran.out) as { asyncapi: string }).asyncapi, '3.0.0')
  for (const printed of ['loading', 'dir', 'written']) assert.ok(ran.err.includes(printed), printed)
})

test('a long page reaches a pipe whole', async () => {
  await using workspace = await Workspace.create({ 'many.js': manyEvents })
  const { out } = await workspace.runProcess(['docs', 'many.js', '--format', 'html'])
  assert.ok(out.length > 500_000, String(out.length))
  assert.match(out, /<\/html>\n$/)
})

test('a reader that has seen enough, as head has, is no failure', async () => {
  await using workspace = await Workspace.create({ 'many.js': manyEvents })
  const command = ['docs', 'many.js', '--format', 'html']
  assert.equal(await workspace.runProcess(command, {}, '| head -c 15; exit $PIPESTATUS'), {
    code: 0,
    out: '<!doctype html>',
    err: '',
  })
})

if (existsSync('/dev/full')) {
  test('results that could not be written are a failure', async () => {
    await using workspace = await Workspace.create({ 'a.js': oneEvent })
    const { code, err } = await workspace.runProcess(['docs', 'a.js', '--format', 'html'], {}, '> /dev/full')
    assert.is(code, 2)
    assert.match(err, /standard output could not be written: .*ENOSPC/)
  })
}

for (const [title, module, message] of [
  ['a module that never loads', 'await new Promise(() => {})', /never finished loading/],
  ['a module that ends the process', 'process.exit(0)', /never finished loading/],
  [
    'a module that fails later',
    `setTimeout(() => { throw new Error('later') }, 10)
     await new Promise(resolve => setTimeout(resolve, 1000))`,
    /a loaded module failed: Error: later/,
  ],
] as const) {
  test(`${title} is told and ends with 2, not with 1`, async () => {
    await using workspace = await Workspace.create({ 'm.js': module })
    const { code, out, err } = await workspace.runProcess(['docs', 'm.js', '--format', 'html'])
    assert.equal([code, out], [2, ''])
    assert.match(err, message)
  })
}

test.run()
