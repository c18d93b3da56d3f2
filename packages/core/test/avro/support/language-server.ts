import { spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { compiler, withSource } from './compile.js'

/** What an editor shows of a source: at the marks `«1»`, `«2»` and so on, which are taken out of it. */
export interface Editor {
  hover(mark: number): Promise<string>
  /** The labels that are proposed. */
  completions(mark: number): Promise<readonly string[]>
}

type Message = { readonly id?: number; readonly method?: string; readonly result?: unknown }

/** Opens a source in the language server of the project's TypeScript (Language Server Protocol 3.17, over stdio). */
export async function inEditor(marked: string, use: (editor: Editor) => Promise<void>): Promise<void> {
  const text = marked.replace(/«\d»/g, '')
  await withSource(text, async file => {
    const server = spawn(process.execPath, [compiler, '--lsp', '--stdio'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const ended = new Promise(resolve => server.once('close', resolve))
    const waiting = new Map<number, (message: Message) => void>()
    const send = (message: object): void => {
      const body = JSON.stringify({ jsonrpc: '2.0', ...message })
      server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    }
    readMessages(server.stdout, message => {
      if (message.id === undefined) return
      // A request of the server's own, about settings that it has defaults for.
      if (message.method !== undefined) send({ id: message.id, result: null })
      else waiting.get(message.id)?.(message)
    })
    const request = async (method: string, params: object): Promise<unknown> => {
      const id = waiting.size + 1
      const answer = new Promise<Message>(resolve => waiting.set(id, resolve))
      send({ id, method, params })
      return (await answer).result
    }
    const uri = pathToFileURL(file).href
    const at = (mark: number) => {
      const before = (marked.split(`«${mark}»`)[0] ?? '').replace(/«\d»/g, '').split('\n')
      const position = { line: before.length - 1, character: before.at(-1)?.length ?? 0 }
      return { textDocument: { uri }, position }
    }
    try {
      const hover = { contentFormat: ['plaintext'] }
      await request('initialize', {
        processId: process.pid,
        rootUri: null,
        capabilities: { textDocument: { hover } },
      })
      send({ method: 'initialized', params: {} })
      const document = { uri, languageId: 'typescript', version: 1, text }
      send({ method: 'textDocument/didOpen', params: { textDocument: document } })
      await use({
        async hover(mark) {
          const shown = (await request('textDocument/hover', at(mark))) as {
            contents?: { value?: string }
          } | null
          return (shown?.contents?.value ?? '').replace(/\s+/g, ' ')
        },
        async completions(mark) {
          const list = (await request('textDocument/completion', at(mark))) as {
            items?: { label: string }[]
          } | null
          return (list?.items ?? []).map(({ label }) => label.replace('?', '')).sort()
        },
      })
    } finally {
      server.kill()
      await ended
    }
  })
}

function readMessages(stream: NodeJS.ReadableStream, each: (message: Message) => void): void {
  let pending = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const head = pending.indexOf('\r\n\r\n')
      const length = Number(
        /Content-Length: (\d+)/i.exec(pending.subarray(0, Math.max(0, head)).toString())?.[1],
      )
      const end = head + 4 + length
      if (head < 0 || pending.length < end) return
      each(JSON.parse(pending.subarray(head + 4, end).toString()) as Message)
      pending = pending.subarray(end)
    }
  })
}
