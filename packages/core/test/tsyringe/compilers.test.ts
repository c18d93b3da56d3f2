import 'reflect-metadata'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { HandlerClass } from '@busbar/core/tsyringe'
import { deadline } from '@busbar/testkit'
import { transform as swcTransform } from '@swc/core'
import { transform as esbuildTransform } from 'esbuild'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../support/assertions.js'
import * as byTsc from './support/mailers.js'
import { service } from './support/service.js'

const test = suite('handler classes out of several compilers')

const sourceFile = join(import.meta.dirname, '../../test/tsyringe/support/mailers.ts')
const source = await readFile(sourceFile, 'utf8')

type Mailers = typeof byTsc

const esbuild = async (): Promise<string> => {
  const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } }
  return (await esbuildTransform(source, { loader: 'ts', target: 'node20', tsconfigRaw })).code
}
const swc = async (decoratorMetadata: boolean): Promise<string> => {
  const { code } = await swcTransform(source, {
    configFile: false,
    swcrc: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata },
    },
  })
  return code
}

const compilers: readonly { name: string; hasMetadata: boolean; load: () => Promise<Mailers> }[] = [
  { name: 'tsc', hasMetadata: true, load: async () => byTsc },
  { name: 'esbuild', hasMetadata: false, load: () => loaded(esbuild()) },
  { name: 'swc', hasMetadata: false, load: () => loaded(swc(false)) },
  { name: 'swc with metadata', hasMetadata: true, load: () => loaded(swc(true)) },
]

/** Imports compiled text, from where it finds the packages that it imports. */
async function loaded(code: Promise<string>): Promise<Mailers> {
  const folder = await mkdtemp(join(import.meta.dirname, 'compiled-'))
  try {
    const file = join(folder, 'mailers.mjs')
    await writeFile(file, await code)
    return (await import(pathToFileURL(file).href)) as Mailers
  } finally {
    await rm(folder, { recursive: true })
  }
}

for (const { name, hasMetadata, load } of compilers) {
  const { Smtp, Welcomed, CountMails, ...mailers } = await load()
  const smtp = new Smtp()
  const run = async (mailer: HandlerClass, work: (s: ReturnType<typeof service>) => Promise<void>) => {
    smtp.sent.length = 0
    await using s = service([mailer], own => {
      own.registerInstance('Smtp', smtp).registerInstance(Smtp, smtp).registerInstance('From', 'us')
    })
    await work(s)
  }
  const welcome = async ({ t, bus }: ReturnType<typeof service>) => {
    await t.start()
    await t.track(() => bus.publish(Welcomed, { email: 'ada@example.com' }))
  }

  test(`${name}: ${hasMetadata ? 'with' : 'without'} metadata, as it should be`, () => {
    const types = Reflect.getMetadata('design:paramtypes', mailers.MailerByType) as unknown
    assert.equal(types, hasMetadata ? [Smtp] : undefined)
  })

  test(`${name}: explicit tokens`, () =>
    run(mailers.MailerByToken, async s => {
      await welcome(s)
      assert.equal(smtp.sent, ['welcomed to ada@example.com'])
      assert.equal(await s.bus.request(CountMails, { to: 'ada@example.com' }), { count: 1 })
    }))

  test(`${name}: types alone ${hasMetadata ? 'do' : 'are an error at the start, which says what to do'}`, () =>
    run(mailers.MailerByType, async s => {
      if (hasMetadata) {
        await welcome(s)
        assert.equal(smtp.sent, ['welcomed to ada@example.com'])
      } else {
        const { message } = await rejects(s.bus.start(), 'CONFIG_INVALID')
        assert.match(
          message,
          /class MailerByType can't .* give each parameter .* a token with @inject\(token\)/,
        )
      }
    }))

  test(`${name}: a type beside a token ${hasMetadata ? 'does' : 'is no undefined, but an error at the start'}`, () =>
    run(mailers.MailerByTypeAndToken, async s => {
      if (hasMetadata) {
        await welcome(s)
        assert.equal(smtp.sent, ['welcomed to ada@example.com, from us'])
      } else {
        const { message } = await rejects(s.bus.start(), 'CONFIG_INVALID')
        assert.match(message, /class MailerByTypeAndToken can't be resolved: parameter #0 .* has no token/)
      }
    }))
}

const evaluate = (program: string) => {
  const args = ['--input-type=module', '--eval', program]
  const running = promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
  return deadline(30_000, 'the program', running)
}

test('without the polyfill, tsyringe says at its import that reflect-metadata is missing', async () => {
  const failed = await evaluate("await import('tsyringe')").catch((error: unknown) => error)
  assert.match((failed as { stderr: string }).stderr, /tsyringe requires a reflect polyfill/)
})

test('@busbar/core/tsyringe loads neither tsyringe nor a polyfill, so that the order of imports is the same', async () => {
  const { stdout } = await evaluate(
    "const { handles } = await import('@busbar/core/tsyringe'); console.log(typeof handles, Reflect.getMetadata)",
  )
  assert.is(stdout.trim(), 'function undefined')
})

test.run()
