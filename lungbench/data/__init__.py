"""From a folder of X-rays to arrays that training maps into memory."""
