import { smallestSize } from '../read/smallest-size.js'
import type { Shape } from '../shape.js'

/** Whether payloads of a shape can go beyond what readers accept: in depth, or in items that take no bytes. */
export function canPassLimits(shape: Shape): boolean {
  return isRecursive(shape) || hasEmptyItems(shape, new Set())
}

function hasEmptyItems(shape: Shape, seen: Set<Shape>): boolean {
  if (seen.has(shape)) return false
  seen.add(shape)
  const visit = (each: Shape): boolean => hasEmptyItems(each, seen)
  if (shape.kind === 'array') return smallestSize(shape.items.node) === 0 || visit(shape.items)
  if (shape.kind === 'map') return visit(shape.values)
  if (shape.kind === 'union') return shape.branches.some(visit)
  return shape.kind === 'record' && shape.fields.some(field => visit(field.shape))
}

/** Whether a record can be inside of itself. */
function isRecursive(shape: Shape): boolean {
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
