import type { Registry } from 'prom-client'

/** The value of a series by its name and some of its labels; undefined where there is none. */
export async function sampleOf(
  register: Pick<Registry, 'metrics'>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const found = (await seriesOf(register)).filter(
    each =>
      each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
  )
  if (found.length > 1) throw new Error(`${name} ${JSON.stringify(labels)}: ${found.length} series`)
  return found[0]?.value
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Every series of the text that a register writes. */
export async function seriesOf(register: Pick<Registry, 'metrics'>): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (const line of (await register.metrics()).split('\n')) {
    const [, name, labelText = '', value] = /^([a-z_:]+)(?:\{(.*?)\})? ([^ ]+)/.exec(line) ?? []
    if (name === undefined) continue
    const labels = Object.fromEntries(
      Array.from(labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, label = '', text = '']) => [
        label,
        text,
      ]),
    )
    samples.push({ name, labels, value: Number(value) })
  }
  return samples
}
