import { avro } from './dist/avro/index.js'
import avsc from 'avsc'
const U = { type:'record', name:'UserCreated', fields:[{name:'id',type:'string'},{name:'name',type:'string'},{name:'email',type:'string'}]}
const many = { type:'record', name:'Order', fields:[
 ...['id','customer','street','city','note'].map(name=>({name,type:'string'})),
 ...['q1','q2','q3'].map(name=>({name,type:'int'})), ...['l1','l2'].map(name=>({name,type:'long'})),
 {name:'d1',type:'double'},{name:'d2',type:'double'},{name:'b',type:'boolean'},{name:'b2',type:'boolean'},
 {name:'o1',type:['null','string'],default:null},{name:'o2',type:['null','long'],default:null},
 {name:'tags',type:{type:'array',items:'string'}},{name:'state',type:{type:'enum',name:'State',symbols:['A','B','C']}},
 {name:'attrs',type:{type:'map',values:'string'}},{name:'addr',type:{type:'record',name:'Addr',fields:[{name:'zip',type:'string'},{name:'lat',type:'double'}]}}]}
const u={id:'0198c0de-7000-7000-8000-000000000001',name:'Ada Lovelace',email:'ada@example.com'}
const o={id:'order-12345',customer:'Ada Lovelace',street:'12 Long Street',city:'London',note:'leave it at the door, please',q1:1,q2:200,q3:30000,l1:1700000000000,l2:42,d1:1.5,d2:2.25,b:true,b2:false,o1:'x',o2:null,tags:['a','bb','ccc'],state:'B',attrs:{k:'v',k2:'v2'},addr:{zip:'E1',lat:51.5}}
function time(f,n=300000){ for(let i=0;i<n;i++) f(); let best=Infinity; for(let r=0;r<5;r++){const t=performance.now(); for(let i=0;i<n;i++) f(); best=Math.min(best,(performance.now()-t)/n*1e6)} return best}
for (const [s,v] of [[U,u],[many,o]]) {
  const c=avro(s), t=avsc.Type.forSchema(s), h=c.dataSchema
  const b=t.toBuffer(v), b2=c.encode(v)
  console.log(b.equals(b2), JSON.stringify(c.decode(b,h))===JSON.stringify(v), c.decode(b,h))
  const r=[time(()=>t.toBuffer(v)),time(()=>c.encode(v)),time(()=>t.fromBuffer(b)),time(()=>c.decode(b,h))]
  console.log(r.map(x=>x.toFixed(0)).join(' '), 'enc x',(r[1]/r[0]).toFixed(2),'dec x',(r[3]/r[2]).toFixed(2))
}
try{avro(U).encode({id:1,name:'\ud800'})}catch(e){console.log(e.code,e.message)}
try{avro(U).decode(Buffer.from([4,65,66,2]),avro(U).dataSchema)}catch(e){console.log(e.code,e.message)}
const L=avro('long'); for (const n of [2**52,-(2**52),-(2**52+1),-(2**53-1), 2**53-1]) if (L.decode(L.encode(n),L.dataSchema)!==n) console.log('bad',n)
