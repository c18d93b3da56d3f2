import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { confluentRegistry } from '@busbar/schema-registry'
import { type HttpProxy, httpProxy, makeCertificates, registryForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'

const test = suite('confluentRegistry: TLS')

const real = await registryForTests()

if (real !== undefined) {
  let folder: string
  let ca: string
  let pem: Buffer
  let proxy: HttpProxy

  test.before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'busbar-registry-tls-'))
    const certificates = await makeCertificates(folder)
    ca = certificates.ca
    pem = await readFile(certificates.keystore)
    proxy = await httpProxy({ target: real.url, tls: { key: pem, cert: pem } })
  })
  test.after(async () => {
    await proxy.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('an authority of its own is trusted if given', async () => {
    const registry = confluentRegistry({ url: proxy.url, tls: { ca } })
    assert.instance(await registry.subjects(), Array)
    await registry.subjects()
    assert.is(proxy.connections, 1)
    // A fresh connection needs the same settings.
    proxy.cutAll()
    assert.instance(await registry.subjects(), Array)
  })

  test('whoever cannot be trusted is not asked, and the message says so', async () => {
    const before = proxy.requests.length
    const untrusted = confluentRegistry({ url: proxy.url, auth: { username: 'ada', password: 'secret' } })
    const self = /no trusted TLS connection: .*self-signed.*: check .*"ca"/
    await rejects(() => untrusted.subjects(), 'REGISTRY_UNAVAILABLE', self)
    const otherName = confluentRegistry({ url: proxy.url, tls: { ca, servername: 'registry.example' } })
    await rejects(() => otherName.subjects(), 'REGISTRY_UNAVAILABLE', /does not match certificate's altnames/)
    assert.is(proxy.requests.length, before)
    const believing = confluentRegistry({ url: proxy.url, tls: { rejectUnauthorized: false } })
    assert.instance(await believing.subjects(), Array)
  })

  test('a client certificate is shown', async () => {
    const strict = { key: pem, cert: pem, ca, requestCert: true, rejectUnauthorized: true }
    await using mutual = await httpProxy({ target: real.url, tls: strict })
    const without = confluentRegistry({ url: mutual.url, tls: { ca } })
    await rejects(() => without.subjects(), 'REGISTRY_UNAVAILABLE')
    const withIt = confluentRegistry({ url: mutual.url, tls: { ca, cert: pem, key: pem } })
    assert.instance(await withIt.subjects(), Array)
  })

  test('plain text to a TLS port, and TLS to a plain one, are told apart from a registry that is down', async () => {
    const plain = confluentRegistry({ url: proxy.url.replace('https:', 'http:') })
    await rejects(() => plain.subjects(), 'REGISTRY_UNAVAILABLE')
    const tls = confluentRegistry({ url: real.url.replace('http:', 'https:') })
    await rejects(() => tls.subjects(), 'REGISTRY_UNAVAILABLE', /no trusted TLS connection/)
  })
}

test.run()
