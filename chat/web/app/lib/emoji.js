export const QUICK = ["👍", "❤️", "😂", "🎉", "😮", "🙏"];

const NAMES = {
  "👍": "thumbs up", "👎": "thumbs down", "❤️": "heart", "😂": "tears of joy", "🎉": "party", "😮": "surprised", "🙏": "thank you",
  "😀": "grin", "😊": "smile", "😉": "wink", "😍": "in love", "🤔": "thinking", "😢": "sad", "😡": "angry", "😴": "asleep", "🙈": "see no evil",
  "👏": "applause", "🙌": "hands up", "👋": "wave", "🤝": "handshake", "💪": "strong", "👀": "eyes", "✅": "done", "❌": "no",
  "❓": "question", "❗": "important", "🔥": "fire", "⭐": "star", "🚀": "rocket", "💡": "idea", "🐛": "bug", "☕": "coffee",
  "🍵": "tea", "🍰": "cake", "🍕": "pizza", "🌱": "seedling", "☀️": "sun", "🌧️": "rain", "🎂": "birthday", "🏆": "trophy",
};

export const ALL = Object.keys(NAMES);
export const emojiName = (emoji) => NAMES[emoji] ?? emoji;
