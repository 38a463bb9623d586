#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Small BMP and PNG files of every kind, and what Pillow (10.4.0) reads from them, in colour and in grey, by CRC-32.

Left out are kinds that are meant to differ: Pillow cuts grey of 16 bits at 255 where Octet takes the upper half, and it
does not read some bit fields.
"""

import io
import os
import random
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

from golden_file import write_json

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = {}


def save(image, name):
    out = io.BytesIO()
    image.save(out, name[-3:])
    FILES[name] = out.getvalue()


random.seed(1); W,H=13,7
def bmp(name,bpp,hdr=40,comp=0,masks=None,pal=None,topdown=False,data=None,clrused=0):
    n={1:2,4:16,8:256}.get(bpp,0) if pal is None else pal
    esz=3 if hdr==12 else 4
    palette=b''.join(bytes(random.randrange(256) for _ in range(3))+(b'' if hdr==12 else b'\0') for _ in range(n))
    row=((W*bpp+31)//32)*4
    if data is None: data=b''.join(bytes(random.randrange(256) for _ in range((W*bpp+7)//8)).ljust(row,b'\0') for _ in range(H))
    if bpp==8 and n<256 and comp==0: data=bytes(b%n for b in data)
    extra=b''
    if hdr==12: h=struct.pack('<IHHHH',12,W,H,1,bpp)
    else:
        h=struct.pack('<IiiHHIIiiII',hdr,W,-H if topdown else H,1,bpp,comp,len(data),2835,2835,clrused,0)
        if masks and hdr==40: extra=struct.pack('<III',*masks[:3])
        if hdr>=52: h+=struct.pack('<III',*(masks or (0,0,0))[:3])
        if hdr>=56: h+=struct.pack('<I',masks[3] if masks and len(masks)>3 else 0)
        if hdr>=108: h+=b'BGRs'+b'\0'*48
        if hdr>=124: h+=b'\0'*16
        h=h.ljust(hdr,b'\0')
    off=14+len(h)+len(extra)+len(palette)
    FILES[f'{name}.bmp'] = (b'BM'+struct.pack('<IHHI',off+len(data),0,0,off)+h+extra+palette+data)
for td in (0,1):
    t='_td' if td else ''
    for bpp in (1,4,8,16,24,32): bmp(f'b{bpp}{t}',bpp,topdown=td)
    for hdr in (52,56,108,124,64):
        for bpp in (8,24,32): bmp(f'h{hdr}_{bpp}{t}',bpp,hdr=hdr,topdown=td)
    bmp(f'bf565{t}',16,comp=3,masks=(0xf800,0x7e0,0x1f),topdown=td)
    bmp(f'bf555{t}',16,comp=3,masks=(0x7c00,0x3e0,0x1f),topdown=td)
    for nm,m in {'bgrx':(0xff0000,0xff00,0xff),'xbgr':(0xff000000,0xff0000,0xff00)}.items():
        bmp(f'bf32_{nm}{t}',32,comp=3,masks=m,topdown=td)
        bmp(f'bf32v5_{nm}{t}',32,hdr=124,comp=3,masks=m+({'bgrx':0xff000000,'xbgr':0xff}[nm],),topdown=td)
for bpp in (1,4,8,24): bmp(f'os2_{bpp}',bpp,hdr=12)
bmp('pal5',8,pal=5,clrused=5); bmp('pal3_4',4,pal=16,clrused=16)
rng=np.random.default_rng(0); rgb=rng.integers(0,256,(H,W,3),dtype=np.uint8)
for m in ('1','L','P','RGB','RGBA','LA'):
    im=Image.fromarray(rgb); 
    if m=='LA': im=im.convert('RGBA').convert('LA')
    elif m=='RGBA': im.putalpha(Image.fromarray(rgb[:,:,0].copy()))
    else: im=im.convert(m)
    save(im, f'png_{m}.png')
    if m in('1','L','P','RGB','RGBA'): save(im, f'pil_{m}.bmp')
def ch(t,d): return struct.pack('>I',len(d))+t+d+struct.pack('>I',zlib.crc32(t+d))
def png(name,depth,colour,plte=None,trns=None,w=W,h=H):
    n={0:1,2:3,3:1,4:2,6:4}[colour]; row=(w*n*depth+7)//8
    raw=b''.join(b'\0'+bytes(random.randrange(256) if not(colour==3 and depth==8) else random.randrange(len(plte)//3) for _ in range(row)) for _ in range(h))
    FILES[f'{name}.png'] = (b'\x89PNG\r\n\x1a\n'+ch(b'IHDR',struct.pack('>IIBBBBB',w,h,depth,colour,0,0,0))+(ch(b'PLTE',plte) if plte else b'')+(ch(b'tRNS',trns) if trns else b'')+ch(b'IDAT',zlib.compress(raw))+ch(b'IEND',b''))
P=bytes(random.randrange(256) for _ in range(768))
for d in (1,2,4,8): png(f'g{d}',d,0); png(f'g{d}t',d,0,trns=b'\0\1')
for d in (8,16):
    png(f'rgb{d}',d,2); png(f'ga{d}',d,4); png(f'rgba{d}',d,6); png(f'rgb{d}t',d,2,trns=b'\0\1\0\2\0\3')
for d in (1,2,4,8): png(f'p{d}',d,3,plte=P[:3*(1<<d)]); png(f'p{d}t',d,3,plte=P[:3*(1<<d)],trns=b'\x10\x80')
png('one',1,0,w=1,h=1)
# Palettes shorter than the indexes, gaps in front of the pixels, colours of a BMP that has no need of them, bit fields
# in every header. Behind all others, so that those stay what they are.
def indexes(n, size): return bytes(random.randrange(256) for _ in range((W*n+7)//8)).ljust(size,b'\0')
def short_bmp(name,bpp,colours,hdr=40,gap=0,declared=None):
    row=((W*bpp+31)//32)*4; data=b''.join(indexes(bpp,row) for _ in range(H))
    palette=b''.join(bytes(random.randrange(256) for _ in range(3))+(b'' if hdr==12 else b'\0') for _ in range(colours))
    h=struct.pack('<IHHHH',12,W,H,1,bpp) if hdr==12 else struct.pack('<IiiHHIIiiII',hdr,W,H,1,bpp,0,len(data),2835,2835,colours,0).ljust(hdr,b'\0')
    off=14+len(h)+len(palette)+gap
    FILES[f'{name}.bmp']=b'BM'+struct.pack('<IHHI',off+len(data),0,0,off)+h+palette+b'\xab'*gap+data
for bpp,n in ((1,1),(4,9),(8,3),(8,200)):
    short_bmp(f'short{bpp}_{n}',bpp,n); short_bmp(f'short{bpp}_{n}_gap',bpp,n,gap=12); short_bmp(f'short{bpp}_{n}_h64',bpp,n,hdr=64)
for bpp in (16,24,32): short_bmp(f'gap{bpp}',bpp,0,gap=6); short_bmp(f'colours{bpp}',bpp,4)
short_bmp('os2_16',16,0,hdr=12); short_bmp('os2_32',32,0,hdr=12)
for hdr in (52,56,108): bmp(f'bf565_{hdr}',16,hdr=hdr,comp=3,masks=(0xf800,0x7e0,0x1f))
bmp('bf555_a',16,hdr=108,comp=3,masks=(0x7c00,0x3e0,0x1f,0x8000))
bmp('bf32_56',32,hdr=56,comp=3,masks=(0xff0000,0xff00,0xff,0xff000000)); bmp('bf32_0',32,comp=3,masks=(0,0,0))
bmp('bf24',24,comp=3,masks=(0xff0000,0xff00,0xff))
def short_png(name,depth,colours,trns=None):
    raw=b''.join(b'\0'+indexes(depth,0) for _ in range(H))
    FILES[f'{name}.png']=b'\x89PNG\r\n\x1a\n'+ch(b'IHDR',struct.pack('>IIBBBBB',W,H,depth,3,0,0,0))+ch(b'PLTE',P[:3*colours])+(ch(b'tRNS',trns) if trns else b'')+ch(b'IDAT',zlib.compress(raw))+ch(b'IEND',b'')
for depth,n in ((1,1),(2,3),(4,9),(8,1),(8,200)): short_png(f'pshort{depth}_{n}',depth,n); short_png(f'pshort{depth}_{n}t',depth,n,trns=b'\x10\x80\x20')


def pillow(data, mode):
    return zlib.crc32(np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(data)).convert(mode))).tobytes())


def case(name, data):
    return {"name": name, "file": data.hex(), "colour": pillow(data, "RGB"), "grey": pillow(data, "L")}


write_json(os.path.join(HERE, "image_kinds.json"), {"images": [case(n, d) for n, d in sorted(FILES.items())]})
