#!/usr/bin/env bash
# needs: openssl
set -e
seq 1 200000 >data
for digest in md5 sha256 sha3-512 blake2b512; do
    openssl dgst "-$digest" data
done
key=000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f
openssl enc -aes-256-cbc -K "$key" -iv 000102030405060708090a0b0c0d0e0f -in data -out data.enc
cksum data.enc
openssl enc -d -aes-256-cbc -K "$key" -iv 000102030405060708090a0b0c0d0e0f -in data.enc | cmp - data
openssl genrsa -out key.pem 2048 2>/dev/null
openssl req -x509 -new -key key.pem -subj /CN=greyspan.test -days 30 -out cert.pem
openssl x509 -in cert.pem -noout -subject
openssl dgst -sha256 -sign key.pem -out data.sig data
openssl x509 -in cert.pem -pubkey -noout >public.pem
openssl dgst -sha256 -verify public.pem -signature data.sig data
openssl base64 -in data | openssl base64 -d | cksum
openssl prime -hex FFFFFFFFFFFFFFC5
openssl ciphers -v | cksum
