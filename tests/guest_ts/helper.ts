export const shout = (words: string): string => `${words.toUpperCase()}!`;
