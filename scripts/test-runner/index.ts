export { runTests } from './run-tests.ts'
export { sweep } from './sweep.ts'
export { findTestFiles } from './test-files.ts'
