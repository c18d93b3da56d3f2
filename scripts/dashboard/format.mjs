/** A value in one of Grafana's units, as short as it can be understood. */
export function formatted(value, unit, decimals) {
  if (unit === 'percentunit') return `${(value * 100).toFixed(decimals ?? 0)} %`
  if (unit === 's') {
    if (value >= 90) return `${short(value / 60)} min`
    return value === 0 || value >= 1 ? `${short(value)} s` : `${short(value * 1_000)} ms`
  }
  const text = decimals === undefined ? short(value) : value.toFixed(decimals)
  return unit === 'ops' ? `${text}/s` : text
}

function short(value) {
  if (value >= 10_000) return `${(value / 1_000).toFixed(0)} k`
  return String(Number(value.toPrecision(3)))
}

export function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
