import { createRequire } from 'node:module'
import { BusbarError } from '@busbar/core'
import { docs } from './docs.js'
import { Failure } from './failure.js'
import type { Command, ExitCode, Io } from './io.js'
import { check, push } from './schemas.js'

const commands: readonly Command[] = [docs, check, push]

/** Runs what the arguments say. Whatever goes wrong is told on `err`; nothing is thrown. */
export async function main(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(args, io)
  } catch (thrown) {
    io.err(`busbar: ${explained(thrown)}\n`)
    return 2
  }
}

function dispatch(args: readonly string[], io: Io): ExitCode | Promise<ExitCode> {
  const words = args.findIndex(arg => arg.startsWith('-'))
  const typed = words < 0 ? args : args.slice(0, words)
  const command = commands.find(({ name }) => name.split(' ').every((word, index) => typed[index] === word))
  if (command) {
    const rest = args.slice(command.name.split(' ').length)
    if (!isHelp(rest)) return command.run(rest, io)
    io.out(command.help)
    return 0
  }
  const group = commands.filter(({ name }) => typed[0] !== undefined && name.startsWith(`${typed[0]} `))
  const isGroup = group.length > 0 && typed.length === 1
  if (isHelp(args) && (typed.length === 0 || isGroup)) {
    io.out(overview(isGroup ? group : commands))
    return 0
  }
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) {
    io.out(`${version()}\n`)
    return 0
  }
  if (args.length === 0 || isGroup) {
    io.err(overview(isGroup ? group : commands))
    return 2
  }
  throw new Failure(`there is no command "${typed.slice(0, 2).join(' ') || args[0]}"`, { helpOf: '' })
}

function isHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).some(arg => arg === '--help' || arg === '-h')
}

function version(): string {
  const manifest = createRequire(import.meta.url)('../../package.json') as { readonly version: string }
  return manifest.version
}

function overview(listed: readonly Command[]): string {
  const width = Math.max(...listed.map(({ name }) => name.length))
  const lines = listed.map(({ name, summary }) => `  busbar ${name.padEnd(width)}  ${summary}`)
  return `Usage:\n${lines.join('\n')}\n\nEach command says more with --help.\n`
}

function explained(thrown: unknown): string {
  if (thrown instanceof Failure) {
    if (thrown.helpOf === undefined) return thrown.message
    return `${thrown.message}\nSee: busbar ${thrown.helpOf === '' ? '' : `${thrown.helpOf} `}--help`
  }
  if (thrown instanceof BusbarError) {
    const from = ' (from SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN)'
    return `${thrown.message}${thrown.code === 'REGISTRY_DENIED' ? from : ''} (${thrown.code})`
  }
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  return `something unexpected went wrong, please report it\n${detail}`
}
