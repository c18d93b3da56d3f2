import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../run-command.js'

/** A certificate authority of its own, and a server's key and certificate for localhost signed by it. */
export interface Certificates {
  /** The authority's certificate (PEM), which clients must trust. */
  readonly ca: string
  /** The file with the server's key and certificate chain (PEM), as Kafka's PEM key store wants it. */
  readonly keystore: string
}

/**
 * Makes certificates with openssl in `folder`, valid for a day, for `localhost` and `127.0.0.1`.
 *
 * @throws Error with openssl's output when it is missing or fails.
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string): string => join(folder, name)
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '1']
  await openssl([
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=Busbar test CA',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
  ])
  await openssl([
    'req',
    ...newKey.slice(0, 3),
    '-subj',
    '/CN=localhost',
    '-keyout',
    file('server.key'),
    '-out',
    file('server.csr'),
  ])
  await writeFile(file('server.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const sign = [
    '-CA',
    file('ca.crt'),
    '-CAkey',
    file('ca.key'),
    '-CAcreateserial',
    '-extfile',
    file('server.ext'),
  ]
  await openssl([
    'x509',
    '-req',
    '-days',
    '1',
    '-in',
    file('server.csr'),
    ...sign,
    '-out',
    file('server.crt'),
  ])
  const ca = await readFile(file('ca.crt'), 'utf8')
  const keystore = file('server.pem')
  await writeFile(keystore, await readFile(file('server.key')))
  await appendFile(keystore, await readFile(file('server.crt')))
  await appendFile(keystore, ca)
  return { ca, keystore }
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, output } = await runCommand('openssl', args)
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${output.trim()}`)
}
