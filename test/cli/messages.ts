import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCES = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Files whose texts are no messages to people who run a command, or say that all is well. */
const OTHER_FILES = new RegExp(
  [
    '^(lab|compare)/|^cli/(manual/|compare|lab-agent)|metrics',
    // What nft and routers read; counts, datagrams and changes of peers.
    'nft-ruleset|firewall/ruleset|flow-script|switch-script|^wire/upnp|^cli/(counts-line|trace-log|status-view|peer-log)',
    // What the store runs.
    '^server/store/scripts',
    // Faults of a caller inside the program.
    '^wire/(probe|sealed-frame-writer|stun)\\.ts$|^sealed/|^server/options|datagram-batch|probe-keys|zone-key',
  ].join('|'),
);

/** Names of variables that hold advice or decisions: the test is only about problems. */
const OTHER_NAMES = /^(hint|advice|\w+_ADVICE|grant|changeText)$/;

/** Single texts that say that all is well, or that no user brings about. */
const OTHER_TEXTS = [
  ...['nothing to do', '… readings of WireGuard', 'relays on ports …', 'use the relay'],
  ...[', with the right key', ' in the classic protocol', ' with its fwmark 0x…', ' fwmark 0x…,'],
  ...['response, …, seen at …', ' (seen from one address)'],
  ...['an address has 4 or 16 bytes, got …', 'a key has … bytes, got …'],
];

/** Calls whose text says that all is well, or what an option does. */
const OTHER_CALLS = new Set([
  ...['option', 'requiredOption', 'Option', 'argument', 'description', 'choices', 'addHelpText'],
  ...['ok', 'info', 'debug', 'trace', 'traceDecision', 'write', 'print', 'styledLine', 'indented'],
  ...['block', 'keep', 'encode', 'join'],
]);

/** Where a finding or a problem has its advice: the test is only about problems. */
const ADVISED = new Set(['problem']);

/** A text that the program may print, with … for what varies. */
export interface Message {
  readonly file: string;
  readonly text: string;
}

/** The texts of three words or more in the sources that describe a problem. */
export function messagesOfSources(): Message[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !OTHER_FILES.test(file))
    .flatMap((file) => messagesOf(file, readFileSync(join(SOURCES, file), 'utf8')));
}

/** The same of one file. */
export function messagesOf(file: string, text: string): Message[] {
  const found: Message[] = [];
  const visit = (node: ts.Node): void => {
    if (isOther(node)) {
      return;
    }
    if (ts.isCallExpression(node) && ADVISED.has(nameOf(node))) {
      node.arguments.slice(0, 2).forEach(visit);
      return;
    }
    if (ts.isArrayLiteralExpression(node) && node.elements.every((one) => textOf(one))) {
      // What is wrong, and advice.
      node.elements.slice(0, 1).forEach(visit);
      return;
    }
    const said = textOf(node);
    if (said === undefined) {
      ts.forEachChild(node, visit);
    } else if ((said.match(/ /g) ?? []).length >= 2 && !OTHER_TEXTS.includes(said)) {
      found.push({ file, text: said });
    }
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

function isOther(node: ts.Node): boolean {
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    return OTHER_CALLS.has(nameOf(node));
  }
  const isNamed =
    ts.isVariableDeclaration(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isFunctionDeclaration(node);
  return (
    ts.isImportDeclaration(node) ||
    ts.isTypeNode(node) ||
    (isNamed && OTHER_NAMES.test(node.name?.getText() ?? ''))
  );
}

function nameOf({ expression }: ts.CallExpression | ts.NewExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) {
    return node.text;
  }
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === undefined && right === undefined ? undefined : `${left ?? '…'}${right ?? '…'}`;
  }
  return undefined;
}

/** The longest part of a message that does not vary, without its advice; undefined if all of it varies. */
export function fixedWords({ text }: Message): string | undefined {
  const [what = ''] = text.split(/: |; |(?<=\?) /).filter((clause) => /[^… ]{2,}.* /.test(clause));
  const parts = what.split(/…|[()]/).map((part) => part.replace(/^[\s,'.]+|[\s,'.[]+$/g, ''));
  return parts.sort((a, b) => b.length - a.length)[0] || undefined;
}
