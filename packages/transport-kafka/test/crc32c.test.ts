import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32c } from '../dist/crc32c.js'

test('matches the check value of the Castagnoli polynomial', () => {
  assert.is(crc32c(Buffer.from('123456789')), 0xe3069283)
})

test('matches the vectors of RFC 3720, appendix B.4', () => {
  assert.is(crc32c(Buffer.alloc(32, 0)), 0x8a9136aa)
  assert.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.is(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
})

test('covers only the range it is given', () => {
  assert.is(crc32c(Buffer.from('xx123456789yy'), 2, 11), 0xe3069283)
})

test.run()
