import { BusbarError, type RegisteredSchema, type SchemaDocument, type SchemaRegistry } from '@busbar/core'

/** A registry in memory that can go down, answer late, and counts what it is asked. */
export class ToyRegistry implements SchemaRegistry {
  readonly name = 'toy registry'
  readonly schemas = new Map<number, RegisteredSchema>()
  readonly asked: string[] = []
  isDown = false
  isLate = false

  subjectOf({ topic }: { readonly topic: string }): string {
    return `${topic}-value`
  }

  register(definition: unknown, more: Partial<RegisteredSchema> = {}): number {
    const text = JSON.stringify(definition)
    for (const [known, schema] of this.schemas) if (schema.text === text) return known
    const id = this.schemas.size + 1
    this.schemas.set(id, { id, type: 'AVRO', text, references: [], ...more })
    return id
  }

  schemaOf(id: number): RegisteredSchema | Promise<RegisteredSchema> {
    this.asked.push(`schema ${id}`)
    return this.#answer(() => {
      const schema = this.schemas.get(id)
      if (!schema) throw new BusbarError('SCHEMA_UNKNOWN', `${this.name} has no schema ${id}`)
      return schema
    })
  }

  idOf(subject: string, { definition }: SchemaDocument): number | Promise<number> {
    this.asked.push(`id ${subject}`)
    return this.#answer(() => this.register(definition))
  }

  async preload(subject: string): Promise<void> {
    this.asked.push(`preload ${subject}`)
    await this.#answer(() => undefined)
  }

  #answer<T>(answer: () => T): T | Promise<T> {
    const checked = (): T => {
      if (this.isDown) throw new BusbarError('REGISTRY_UNAVAILABLE', `${this.name} does not answer`)
      return answer()
    }
    return this.isLate ? new Promise(resolve => setImmediate(resolve)).then(checked) : checked()
  }
}
