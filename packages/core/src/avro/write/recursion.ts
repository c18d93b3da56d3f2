import type { Shape } from '../shape.js'

/** Whether a record can be inside of itself. */
export function isRecursive(shape: Shape): boolean {
  const open = new Set<Shape>()
  const closed = new Set<Shape>()
  const visit = (each: Shape): boolean => {
    if (each.kind === 'array') return visit(each.items)
    if (each.kind === 'map') return visit(each.values)
    if (each.kind === 'union') return each.branches.some(visit)
    if (each.kind !== 'record' || closed.has(each)) return false
    if (open.has(each)) return true
    open.add(each)
    const found = each.fields.some(field => visit(field.shape))
    closed.add(each)
    return found
  }
  return visit(shape)
}
