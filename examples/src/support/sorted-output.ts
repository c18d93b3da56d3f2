const lines: string[] = []

/** Keeps a line for {@link printed}: handlers of several groups run side by side, in no fixed order. */
export function print(line: string): void {
  lines.push(line)
}

/** Waits for `count` lines and shows them, sorted. */
export async function printed(count: number): Promise<void> {
  while (lines.length < count) await new Promise(resolve => setTimeout(resolve, 5))
  for (const line of lines.sort()) console.log(line)
}
