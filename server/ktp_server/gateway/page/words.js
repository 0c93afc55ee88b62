// What the contract's names are called on the page.

// Fields in the order in which they are printed: [name in the contract, printed name, English]. RT and RW are parts of rt_rw.
export const FIELDS = [
  ["provinsi", "Provinsi", "province"],
  ["kabupaten_kota", "Kabupaten / Kota", "regency or city"],
  ["nik", "NIK", "population number"],
  ["nama", "Nama", "name"],
  ["tempat_lahir", "Tempat lahir", "place of birth"],
  ["tanggal_lahir", "Tanggal lahir", "date of birth"],
  ["jenis_kelamin", "Jenis kelamin", "sex"],
  ["golongan_darah", "Gol. darah", "blood type"],
  ["alamat", "Alamat", "address"],
  ["rt_rw", "RT / RW", "neighbourhood"],
  ["kelurahan_desa", "Kel / Desa", "village"],
  ["kecamatan", "Kecamatan", "district"],
  ["agama", "Agama", "religion"],
  ["status_perkawinan", "Status perkawinan", "marital status"],
  ["pekerjaan", "Pekerjaan", "occupation"],
  ["kewarganegaraan", "Kewarganegaraan", "citizenship"],
  ["berlaku_hingga", "Berlaku hingga", "valid until"],
  ["tempat_terbit", "Tempat terbit", "place of issue"],
  ["tanggal_terbit", "Tanggal terbit", "date of issue"],
];

const PRINTED = new Map(FIELDS.map(([name, printed]) => [name, printed]));

export function printedName(field) {
  return PRINTED.get(field) ?? field.toUpperCase();
}

export const CORRECTIONS = {
  CORRECTION_NORMALISED: "put into the field's form",
  CORRECTION_TEMPLATE: "matched with a list",
  CORRECTION_CROSS_CHECK: "settled with another field",
};

export const SEVERITIES = {
  FINDING_SEVERITY_INFO: "Note",
  FINDING_SEVERITY_WARNING: "Look at it",
  FINDING_SEVERITY_ERROR: "Cannot be right",
};

export const QUALITY = {
  sharpness: "Sharpness",
  brightness: "Brightness",
  specularity: "Free of glare",
  completeness: "Whole card in view",
  tilt: "Seen from above",
  colour: "Colour",
  moire: "Not from a screen",
  single_card: "One card only",
  ktp_likeness: "Looks like a KTP",
};

// Requirement -> [what is measured, unit].
export const REQUIREMENTS = {
  file_size_min: ["File size", "bytes"],
  file_size_max: ["File size", "bytes"],
  short_side_min: ["Shorter side", "px"],
  long_side_min: ["Longer side", "px"],
  short_side_below: ["Shorter side", "px"],
  long_side_below: ["Longer side", "px"],
  megapixels_min: ["Resolution", "megapixels"],
  jpeg_quality_min: ["JPEG quality", ""],
  card_short_side_min: ["Card's shorter side", "px"],
  card_long_side_min: ["Card's longer side", "px"],
};

// Reason of a failure -> [what happened, what to do].
export const FAILURES = {
  REQUEST_INVALID: ["The server did not accept the request", "Load this page anew and try again."],
  IMAGE_FORMAT_UNSUPPORTED: ["This file is not a photo that can be read", "Send a JPEG, PNG or BMP file."],
  IMAGE_CORRUPT: ["The file is damaged", "Take the photo again, or copy the file again from where it came."],
  IMAGE_TOO_LARGE: ["The file is too large", "Send a smaller photo."],
  IMAGE_DIMENSIONS_OUT_OF_RANGE: ["The photo has too few or too many pixels", "Send the camera's original, not a thumbnail."],
  CARD_NOT_FOUND: ["No identity card was found", "Lay the card on a plain, darker surface and fill the picture with it."],
  TOO_MANY_CARDS: ["There is more than one card", "Photograph one card at a time."],
  CARD_TOO_SMALL: ["The card is too small in the photo", "Go closer, so that the card fills the picture."],
  QUALITY_REJECTED: ["The photo is not good enough", "Take it again, with the advice below."],
  CARD_UNREADABLE: ["A card was found, but nothing on it could be read", "Take the photo in good light, sharp and from above."],
  UNAUTHENTICATED: ["This server asks for an API key", "Type the key that you were given."],
  OVERLOADED: ["The server is busy", "Try again in a moment."],
  RATE_LIMITED: ["This key was used too often", "Wait a little, then try again."],
  DEADLINE_EXCEEDED: ["Reading took too long", "Try again in a moment."],
  MODEL_UNAVAILABLE: ["The reader is not available right now", "Try again in a moment."],
  INTERNAL: ["Something went wrong on the server", "Try again; if it stays so, tell the operator the reference below."],
  UNREACHABLE: ["The server cannot be reached", "Check the connection, then try again."],
  UNKNOWN: ["The server answered in an unexpected way", "Try again; if it stays so, tell the operator."],
};
