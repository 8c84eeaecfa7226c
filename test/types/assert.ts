// What the type tests are written with.

/** Whether two types are the same, `any` and `unknown` told apart. */
export type Same<A, B> =
	(<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Takes `true` only: `check<Same<…>>()`. */
export declare function check<_Result extends true>(): void;

/** The type of an expression, as the exact type given: `exactly<number>()(1 + 1)`. */
export declare function exactly<Expected>(): <Actual>(value: Actual & (Same<Actual, Expected> extends true ? unknown : never)) => void;
