import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { reasonOf } from '@busbar/core'
import { Failure } from '../command/failure.js'
import { collect } from './collect.js'
import { type Contract, inOrder } from './contract.js'

/**
 * The contracts that modules export, each once. The modules are run: they may be ESM or CommonJS, and TypeScript where
 * Node can load it.
 *
 * @throws Failure for a module that is not there, that can't be loaded, or that exports no contract.
 */
export async function loadContracts(modules: readonly string[], cwd: string): Promise<readonly Contract[]> {
  const contracts: Contract[] = []
  for (const name of modules) {
    const exported = await load(name, cwd)
    const found = collect(exported)
    if (found.length === 0) {
      const names = Object.keys(Object(exported) as object).join(', ') || 'nothing'
      throw new Failure(
        `${name} exports no contracts: it exports ${names}. Export what defineEvent and defineRequest return, by itself or in an object or array`,
      )
    }
    contracts.push(...found)
  }
  return inOrder(contracts)
}

async function load(name: string, cwd: string): Promise<unknown> {
  const path = resolve(cwd, name)
  const status = await stat(path).catch(() => undefined)
  if (status?.isDirectory())
    throw new Failure(`${name} is a folder: name the module in it, for example ${name}/index.js`)
  if (!status) throw new Failure(`there is no module ${name} (looked for ${path}): name a compiled file`)
  try {
    return (await import(pathToFileURL(path).href)) as unknown
  } catch (thrown) {
    throw new Failure(`${name} could not be loaded: ${explained(thrown)}`, { cause: thrown })
  }
}

function explained(thrown: unknown): string {
  const code = (Object(thrown) as { code?: unknown }).code
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `this Node (${process.version}) cannot load files of this kind: compile it first, or for TypeScript use Node 22.18 or later`
  }
  // What the module itself threw: where is as important as what.
  return thrown instanceof Error ? (thrown.stack ?? reasonOf(thrown)) : reasonOf(thrown)
}
