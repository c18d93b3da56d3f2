import type { BusbarError } from '@busbar/core'
import { plainText } from '@busbar/nestjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('plain text')

test('text goes as it is, and comes back', async () => {
  for (const text of ['', 'grüße', '{"not":"json"', '"quoted"']) {
    const bytes = await plainText.encode(text)
    assert.is(Buffer.from(bytes).toString(), text)
    assert.is(await plainText.decode(bytes), text)
  }
})

test('what is no text is refused, and the message has nothing of it', () => {
  const code = (wanted: string) => (error: BusbarError) => error.code === wanted && !/17/.test(error.message)
  assert.throws(() => plainText.encode(17 as unknown as string), code('ENCODE_FAILED'))
  assert.throws(() => plainText.decode(Uint8Array.of(0xff)), code('DECODE_FAILED'))
})

test.run()
