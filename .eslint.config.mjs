// Rules for the page's JavaScript: Prettier takes care of the layout, these find mistakes.

const names = (text) => Object.fromEntries(text.split(/\s+/).map((name) => [name, 'readonly']));

const rules = {
  'array-callback-return': 'error',
  'consistent-return': 'error',
  'constructor-super': 'error',
  curly: ['error', 'multi-line'],
  'default-case-last': 'error',
  eqeqeq: 'error',
  'for-direction': 'error',
  'getter-return': 'error',
  'max-len': ['error', { code: 100, ignoreStrings: true, ignoreTemplateLiterals: true }],
  'max-lines': ['error', 350],
  'max-lines-per-function': ['error', 50],
  'no-async-promise-executor': 'error',
  'no-compare-neg-zero': 'error',
  'no-cond-assign': 'error',
  'no-const-assign': 'error',
  'no-constant-binary-expression': 'error',
  'no-constant-condition': ['error', { checkLoops: false }],
  'no-dupe-args': 'error',
  'no-dupe-class-members': 'error',
  'no-dupe-else-if': 'error',
  'no-dupe-keys': 'error',
  'no-duplicate-imports': 'error',
  'no-empty': 'error',
  'no-empty-pattern': 'error',
  'no-eval': 'error',
  'no-fallthrough': 'error',
  'no-func-assign': 'error',
  'no-global-assign': 'error',
  'no-implied-eval': 'error',
  'no-loss-of-precision': 'error',
  'no-redeclare': 'error',
  'no-self-assign': 'error',
  'no-self-compare': 'error',
  'no-shadow-restricted-names': 'error',
  'no-sparse-arrays': 'error',
  'no-this-before-super': 'error',
  'no-throw-literal': 'error',
  'no-undef': 'error',
  'no-unreachable': 'error',
  'no-unreachable-loop': 'error',
  'no-unsafe-finally': 'error',
  'no-unsafe-negation': 'error',
  'no-unsafe-optional-chaining': 'error',
  'no-unused-expressions': ['error', { allowShortCircuit: true }],
  'no-unused-private-class-members': 'error',
  'no-unused-vars': ['error', { args: 'after-used', caughtErrors: 'all' }],
  'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
  'no-useless-catch': 'error',
  'no-useless-escape': 'error',
  'no-useless-rename': 'error',
  'no-useless-return': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'one-var': ['error', 'never'],
  'prefer-const': ['error', { destructuring: 'all' }],
  'prefer-template': 'error',
  'require-yield': 'error',
  'use-isnan': 'error',
  'valid-typeof': 'error',
};

const common = names(
  'AbortController Blob DOMException Event EventTarget File MessageChannel TextDecoderStream ' +
    'TextEncoder URL URLSearchParams clearInterval clearTimeout console fetch performance ' +
    'setInterval setTimeout',
);

const browser = names(
  'crypto Image ImageData MediaRecorder Option ResizeObserver WheelEvent XMLHttpRequest ' +
    'cancelAnimationFrame createImageBitmap document getComputedStyle innerHeight innerWidth ' +
    'localStorage matchMedia navigator requestAnimationFrame sessionStorage window',
);

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['sam2_demo/web/js/**/*.js'],
    languageOptions: { sourceType: 'module', globals: { ...common, ...browser } },
    rules,
  },
  {
    files: ['sam2_demo/web/loader.js'], // the body of a function
    languageOptions: {
      sourceType: 'script',
      globals: names('ANNOTATOR URL console document element location'),
    },
    rules,
  },
  {
    files: ['tests/web/**/*.js', '.eslint.config.mjs'],
    languageOptions: { sourceType: 'module', globals: common },
    rules,
  },
];
