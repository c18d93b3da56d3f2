/**
 * `T`, which is made of `S`. While the compiler infers `S` for a call, it matches the type of the result against what is
 * expected there, and would follow the recursive types behind `T` without end; into this it does not look before `S` is
 * known.
 */
export type Hidden<S, T> = { [K in 'type' as S extends unknown ? 'type' : never]: T }['type']
