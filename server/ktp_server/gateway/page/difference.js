// What was changed between two texts, character by character.

// Gives two lists of {text, kept}: the pieces of `before` and those of `after`. The kept ones are a longest common subsequence.
export function compareTexts(before, after) {
  const [left, right] = [[...before], [...after]];
  const lengths = commonLengths(left, right);
  const pieces = { before: [], after: [] };
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      extend(pieces.before, left[i++], true);
      extend(pieces.after, right[j++], true);
    } else if (j === right.length || (i < left.length && lengths[i + 1][j] >= lengths[i][j + 1])) {
      extend(pieces.before, left[i++], false);
    } else {
      extend(pieces.after, right[j++], false);
    }
  }
  return pieces;
}

// lengths[i][j]: characters that left from i on and right from j on have in common, in order.
function commonLengths(left, right) {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i][j] = left[i] === right[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

function extend(pieces, character, kept) {
  const last = pieces.at(-1);
  if (last?.kept === kept) last.text += character;
  else pieces.push({ text: character, kept });
}
