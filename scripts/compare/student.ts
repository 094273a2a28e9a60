// Several measures are compared at once, so each claim is made at 99 %, not 95 %.

/** 99.5 % quantiles of Student's t with 1, 2, .. 10 degrees of freedom (any statistics table). */
const studentTable = [63.6567, 9.9248, 5.8409, 4.6041, 4.0321, 3.7074, 3.4995, 3.3554, 3.2498, 3.1693]
const normalQuantile = 2.5758293

/** The two-sided 99 % quantile; beyond the table by the expansion of Abramowitz and Stegun 26.7.5, good to 0.001. */
export const studentQuantile = (freedom: number): number => {
  const z = normalQuantile
  const first = (z ** 3 + z) / 4
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384
  return studentTable[freedom - 1] ?? z + first / freedom + second / freedom ** 2 + third / freedom ** 3
}
