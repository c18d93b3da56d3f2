import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runFuzz } from './run-fuzz.js'
import { subjects } from './subjects.js'

const test = suite('mutated Avro records')

test('each is an error of the codec or a valid value, soon and in proportion to its bytes', () => {
  const report = runFuzz(20_000, 5)
  assert.equal(report.violations, [])
  assert.ok(report.values > 1_000, `${report.values} values`)
  assert.ok((report.errors['DECODE_FAILED'] ?? 0) > 1_000, JSON.stringify(report.errors))
})

test('the records are read as long as they are whole', () => {
  for (const { writer, records } of subjects) {
    for (const bytes of records) {
      const value = writer.decode(bytes, writer.dataSchema)
      assert.ok(Buffer.from(writer.encode(value) as Uint8Array).equals(bytes))
    }
  }
})

test.run()
